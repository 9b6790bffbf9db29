//! `sslmode` means what it means to libpq, against a real server with a certificate.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use testbed::{Cluster, Durability, Stop};

/// A cluster that encrypts, with a certificate for these names; the authority's certificate goes into the file.
fn encrypting(names: &[&str], authority: &Path) -> Option<Cluster> {
    let cluster = Cluster::start(Durability::Off).expect("starts")?;
    let mut issuer = CertificateParams::new(Vec::new()).expect("parameters");
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(issuer, KeyPair::generate().expect("a key")).expect("signed");
    std::fs::write(authority, issuer.pem()).expect("written");
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let leaf = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("signed");
    // By the server itself, so that the files are its own.
    let folder = cluster.sql("postgres", "SHOW data_directory").expect("said");
    for (name, text) in [("server.crt", leaf.pem()), ("server.key", key.serialize_pem())] {
        let lines = "SELECT line FROM regexp_split_to_table(rtrim(";
        let copy = format!(
            "COPY ({lines}'{text}', E'\\r\\n'), E'\\r?\\n') AS line) TO PROGRAM 'umask 077; cat > {folder}/{name}'"
        );
        cluster.sql("postgres", &copy).expect("written");
    }
    cluster.sql("postgres", "ALTER SYSTEM SET ssl = on").expect("set");
    cluster.restart(Stop::Fast).expect("starts with the certificate");
    Some(cluster)
}

/// Opens a database of the cluster with these parameters; whether the connections are encrypted, or why it does not open.
fn opened(cluster: &Cluster, parameters: &str) -> Result<bool, String> {
    let database = cluster.database().expect("a database");
    let options = PostgresOptions {
        connections: 2,
        ..PostgresOptions::new(format!("{}?{parameters}&application_name=tls-test", database.url()))
    };
    let store = PostgresStore::open(&options).map_err(|error| error.to_string())?;
    let ready = pollster::block_on(scim_storage::Store::ready(&store));
    ready.map_err(|error| error.to_string())?;
    let encrypted = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
        WHERE a.application_name = 'tls-test' AND a.datname = current_database()";
    Ok(database.sql(encrypted).expect("said") == "t")
}

#[test]
fn a_certificate_is_looked_at_as_far_as_was_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = directory.path().join("authority.pem");
    let Some(cluster) = encrypting(&["127.0.0.1"], &authority) else { return };
    let check = |parameters: &str, expected: bool| {
        assert_eq!(opened(&cluster, parameters), Ok(expected), "{parameters}");
    };
    let refused = |parameters: &str, expected: &str| {
        let reason = opened(&cluster, parameters).expect_err(parameters);
        assert!(reason.contains(expected), "{parameters}: {reason}");
    };
    let root = format!("sslrootcert={}", authority.display());
    check("sslmode=disable", false);
    check("sslmode=prefer", true);
    check("sslmode=require", true);
    check(&format!("sslmode=verify-ca&{root}"), true);
    check(&format!("sslmode=verify-full&{root}"), true);
    refused("sslmode=verify-full", "certificate");
    refused("sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem");
}

#[test]
fn a_certificate_of_another_name_is_good_for_its_authority_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = directory.path().join("authority.pem");
    let Some(cluster) = encrypting(&["db.example"], &authority) else { return };
    let root = format!("sslrootcert={}", authority.display());
    assert_eq!(opened(&cluster, &format!("sslmode=verify-ca&{root}")), Ok(true));
    let reason = opened(&cluster, &format!("sslmode=verify-full&{root}")).expect_err("another name");
    assert!(reason.contains("certificate"), "{reason}");
}
