//! What a key costs each request, without the read of its row. `just bench`, or `cargo bench -p scim-api-keys`.

use std::hint::black_box;

use criterion::Criterion;
use scim_api_keys::{ApiKey, KeptMac, MAX_RATED_IDS, Pepper, Peppers, Rate, RateLimiter};

fn keys(c: &mut Criterion) {
    let key = ApiKey::new([0x1d; 16], [0x2e; 16], [0x3f; 32]);
    let text = key.reveal();
    let mistyped = text.replacen("rck1_0", "rck1_1", 1);
    assert!(
        ApiKey::parse(&text).is_ok() && ApiKey::parse(&mistyped).is_err(),
        "one key and one that is none"
    );
    c.bench_function("key/parse", |b| b.iter(|| ApiKey::parse(black_box(&text))));
    c.bench_function("key/parse a mistyped one", |b| b.iter(|| ApiKey::parse(black_box(&mistyped))));
    c.bench_function("key/instance of a mistyped one", |b| {
        b.iter(|| ApiKey::instance_hint(black_box(&mistyped)));
    });

    let lines: Vec<_> =
        (1..=3).map(|at| format!("{at}{}", "0123456789abcdef".repeat(4).split_at(63).0)).collect();
    let (Ok(one), Ok(three)) =
        (Peppers::parse(lines.last().map_or("", |line| line)), Peppers::parse(&lines.join("\n")))
    else {
        return;
    };
    // The last of the three is the only one of the other: what is kept is by a former pepper there.
    let kept = one.keep(&key);
    assert!(three.verify(&key, Some(&kept)).is_right(), "by a former pepper");
    c.bench_function("key/mac", |b| b.iter(|| one.current().mac(black_box(&key))));
    c.bench_function("key/mac and compare", |b| b.iter(|| one.verify(black_box(&key), Some(&kept))));

    let whole = |peppers: &Peppers, kept: Option<&KeptMac>| {
        ApiKey::parse(black_box(&text)).map(|key| peppers.verify(&key, black_box(kept)))
    };
    c.bench_function("key/whole check, 1 pepper", |b| b.iter(|| whole(&one, Some(&kept))));
    c.bench_function("key/whole check, 3 peppers", |b| b.iter(|| whole(&three, Some(&kept))));
    c.bench_function("key/whole check, unknown key", |b| b.iter(|| whole(&three, None)));
}

fn peppers(c: &mut Criterion) {
    let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    let Ok(pepper) = Pepper::new(&secret) else { return };
    c.bench_function("pepper/new", |b| b.iter(|| Pepper::new(black_box(&secret))));
    c.bench_function("pepper/derive", |b| b.iter(|| pepper.derive(black_box(b"salt"), b"info")));
}

fn rate(c: &mut Criterion) {
    let number = |id: usize| (id as u128).to_be_bytes();
    let rate = Rate { per_second: 50, burst: 100 };
    let filled = || {
        let limiter = RateLimiter::new();
        for id in 0..MAX_RATED_IDS {
            assert!(limiter.check(number(id), rate, 0).is_ok(), "the first of its id");
        }
        limiter
    };
    let limiter = filled();
    let (mut id, mut now_ms) = (0, 0);
    c.bench_function("rate/one of 10,000 ids", |b| {
        b.iter(|| {
            id = (id + 7919) % MAX_RATED_IDS;
            now_ms += 1;
            limiter.check(black_box(number(id)), rate, now_ms)
        });
    });
    // The worst that can come: each id is new, and all that are remembered are busy.
    let limiter = filled();
    let mut id = MAX_RATED_IDS;
    c.bench_function("rate/a new id beyond 10,000 busy ones", |b| {
        b.iter(|| {
            id += 1;
            limiter.check(black_box(number(id)), rate, 0)
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    keys(&mut criterion);
    peppers(&mut criterion);
    rate(&mut criterion);
    criterion.final_summary();
}
