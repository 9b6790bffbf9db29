# List the recipes
default:
    @just --list

# All that CI runs; writes nothing
check: test

# Every test: format, lints, tidy checks, unit and integration tests, docs, the outside judges
test:
    cargo xtask test

# Put right what a tool can
fix:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# Write what is made from the table of settings: the reference and the example
settings:
    cargo run -q -- config example > packaging/rollcall.toml
    cargo run -q -- config reference > target/settings.md
    sed -i -e '/<!-- settings: begin -->/r target/settings.md' -e '/<!-- settings: begin -->/,/<!-- settings: end -->/{/<!-- settings:/!d}' docs/configuration.md

# A company's people arrive
demo:
    cargo run --release -- demo

# Benchmarks
bench:
    cargo bench -p scim-core -p scim-mapping -p scim-api-keys -p scim-storage-diesel -p scim-provider

# Count the instructions of the hot functions, and keep the counts
counts:
    cargo xtask counts

# Each kind of request beside a bare handler and the plain database (twenty minutes; --quick, --only): docs/performance.md
bench-http *ARGS:
    cargo build --release -p rollcall
    cargo run --release -q -p scim-bench -- compare --rollcall "${CARGO_TARGET_DIR:-target}/release/rollcall" --figures crates/scim-bench/figures {{ARGS}}

# The tests of faults (kill -9, full disk, ...), each for this long
soak SECONDS="600":
    ROLLCALL_SOAK_SECONDS={{SECONDS}} cargo test --release -p rollcall --test faults -- --nocapture

# Fuzz a target (filter, path, patch, resource, bulk, expression, key, token); needs cargo-fuzz
fuzz TARGET *ARGS:
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{TARGET}} {{ARGS}}

# Play recorded exchanges of identity providers against a server
replay BASE TOKEN *PATHS:
    cargo xtask replay --base {{BASE}} --token {{TOKEN}} {{PATHS}}

# A million people on each backend, beside ten thousand (half an hour, 10 GB of disk): docs/scaling.md
scale *ARGS:
    cargo build --release -p rollcall
    cargo run --release -q -p scim-bench -- scale --rollcall "${CARGO_TARGET_DIR:-target}/release/rollcall" {{ARGS}}
