//! The provider: a store, a source of time and ids, schemas and limits.

use std::sync::Arc;

use scim_api_keys::token::{JwksCache, SigningKeys};
use scim_api_keys::{Peppers, RateLimiter, Remembered};
use scim_core::message::{
    AuthenticationScheme, BulkConfig, PaginationConfig, PaginationMethod, ProviderConfig,
};
use scim_core::schema::Registry;
use scim_storage::{ServerAnswer, ServerQuestion, Store, StoreError};

use crate::access::{Fetches, KeptKeys, RefusalLog, Uses};
use crate::counters::Counters;
use crate::cursor::{LIFETIME_SECONDS, Sealer};
use crate::failure::{Failure, store_failure};
use crate::oauth::{JwksFetcher, PepperSeeds};
use crate::password::PasswordHasher;
use crate::peppers::{PepperMismatch, check_peppers};
use crate::policies::Policies;
use crate::turns::Turns;
use crate::{Limits, Source};

/// A provider that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot do what `/ServiceProviderConfig` would say.
    #[error("the store cannot {0}, which this server advertises")]
    Capability(&'static str),
    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// The node was given other peppers than those that the store's keys were hashed with.
    #[error(transparent)]
    Pepper(#[from] PepperMismatch),
}

/// The SCIM service provider. Cheap to share behind an [`Arc`]; holds no state that another node would need.
pub struct Provider {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) limits: Limits,
    pub(crate) config: ProviderConfig,
    pub(crate) sealer: Sealer,
    pub(crate) turns: Turns,
    pub(crate) passwords: PasswordHasher,
    /// Checks secrets that people chose, on threads of its own: people's passwords do not wait for guesses.
    pub(crate) verifier: PasswordHasher,
    pub(crate) policies: Policies,
    pub(crate) peppers: Arc<Peppers>,
    pub(crate) rates: RateLimiter,
    /// Wrong guesses at secrets that people chose, by address.
    pub(crate) guesses: RateLimiter,
    pub(crate) refusals: RefusalLog,
    pub(crate) uses: Uses,
    pub(crate) keys: KeptKeys,
    pub(crate) counters: Counters,
    pub(crate) signing: SigningKeys,
    pub(crate) issuer_keys: JwksCache,
    pub(crate) fetcher: Option<Arc<dyn JwksFetcher>>,
    pub(crate) fetches: Fetches,
    pub(crate) remembered: Remembered,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider over `store`, with the schemas of `registry` and the peppers that keys are hashed with.
    ///
    /// # Errors
    /// If the store does not answer, or cannot do what the provider advertises.
    pub async fn start(
        store: Arc<dyn Store>,
        source: Arc<dyn Source>,
        registry: Registry,
        limits: Limits,
        peppers: Arc<Peppers>,
    ) -> Result<Self, StartError> {
        let capabilities = store.capabilities();
        for (able, what) in [
            (capabilities.filters_completely, "answer every filter"),
            (capabilities.sorts, "sort"),
            (capabilities.keyset_paging, "page by cursor"),
        ] {
            if !able {
                return Err(StartError::Capability(what));
            }
        }
        check_peppers(&*store, &peppers).await?;
        let cursors = secret(&*store, "cursor").await?;
        let salt = secret(&*store, "oauth").await?;
        let mut of_process = [0; 32];
        source.random(&mut of_process);
        Ok(Self {
            config: config(&limits),
            policies: Policies::new(registry),
            sealer: Sealer::new(&cursors),
            turns: Turns::new(),
            passwords: PasswordHasher::default(),
            verifier: PasswordHasher::default(),
            rates: RateLimiter::default(),
            guesses: RateLimiter::default(),
            refusals: RefusalLog::default(),
            uses: Uses::default(),
            keys: KeptKeys::default(),
            counters: Counters::default(),
            signing: SigningKeys::new(PepperSeeds::new(Arc::clone(&peppers), salt)),
            issuer_keys: JwksCache::new(),
            fetcher: None,
            fetches: Fetches::default(),
            remembered: Remembered::new(of_process),
            peppers,
            store,
            source,
            limits,
        })
    }

    /// The same, with what fetches the keys of trusted issuers. Without it their tokens are answered with 503.
    #[must_use]
    pub fn with_fetcher(self, fetcher: Arc<dyn JwksFetcher>) -> Self {
        Self { fetcher: Some(fetcher), ..self }
    }

    /// What one request may ask for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where time and ids come from.
    #[must_use]
    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// The largest body that a request to `path` (what follows the base) may have, in bytes.
    #[must_use]
    pub fn max_body_bytes(&self, path: &str) -> usize {
        match path.trim_start_matches('/').split('/').next() {
            Some("Groups") => self.limits.max_group_body_bytes,
            Some("Bulk") => self.limits.max_bulk_body_bytes,
            _ => self.limits.max_body_bytes,
        }
    }

    /// Whether requests can be served.
    pub async fn ready(&self) -> bool {
        match self.store.ready().await {
            Ok(()) => true,
            Err(error) => {
                log::warn!("not ready: {error}");
                false
            }
        }
    }

    /// A question to the server's own data; another answer than the question's is the store's fault.
    pub(crate) async fn server(&self, question: &ServerQuestion) -> Result<ServerAnswer, Failure> {
        self.store.server(question).await.map_err(|error| store_failure(&error))
    }
}

/// A secret that all nodes share.
async fn secret(store: &dyn Store, name: &'static str) -> Result<[u8; 32], StartError> {
    match store.server(&ServerQuestion::Secret(name)).await? {
        ServerAnswer::Secret(secret) => Ok(secret),
        _ => Err(StartError::Store(StoreError::internal("the store answered another question"))),
    }
}

fn config(limits: &Limits) -> ProviderConfig {
    ProviderConfig {
        documentation_uri: None,
        patch: true,
        bulk: Some(BulkConfig {
            max_operations: limits.max_bulk_operations as u64,
            max_payload_size: limits.max_bulk_body_bytes as u64,
        }),
        filter_max_results: limits.max_page_size as u64,
        change_password: false,
        sort: true,
        etag: true,
        pagination: PaginationConfig {
            cursor: true,
            index: true,
            default_method: PaginationMethod::Index,
            default_page_size: limits.default_page_size as u64,
            max_page_size: limits.max_page_size as u64,
            cursor_timeout_seconds: Some(LIFETIME_SECONDS.unsigned_abs()),
        },
        authentication_schemes: vec![AuthenticationScheme {
            scheme_type: "oauthbearertoken".to_owned(),
            name: "API key".to_owned(),
            description: "A key of a connector, sent as a bearer token".to_owned(),
            spec_uri: Some("https://www.rfc-editor.org/rfc/rfc6750".to_owned()),
            documentation_uri: None,
        }],
    }
}
