# Shortcuts for contributors; `just` lists them. CONTRIBUTING.md describes the checks.

# Lists the recipes.
default:
    @just --list

# Runs the tests on SQLite and PostgreSQL; arguments go to cargo test, as in `just test --test api members`.
test *arguments:
    tests/run.sh {{ arguments }}

# Checks the format, clippy's lints, and the licenses and sources of dependencies.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    tests/cargo_deny.sh check licenses bans sources

# Formats all Rust code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path tests/fuzz/Cargo.toml
    cargo fmt --manifest-path tests/clients/rust/Cargo.toml

# Runs a command of the program, as in `just run expiring --within-days 90`.
run *arguments:
    cargo run -- {{ arguments }}

# Serves a temporary register with example data, and prints its address and tokens.
demo *arguments:
    cargo run --release -- serve --demo {{ arguments }}

# Rewrites schema.graphql after a change of the API.
schema:
    UPDATE_SCHEMA=1 cargo test --test api interfaces::graphql::schema

# Rewrites the pages of docs/clients after a change of a client.
client-docs:
    UPDATE_DOCS=1 cargo test --test api repository::client_docs

# Runs every check that a change must pass.
ci:
    .ci/run

# Runs the checks that come before a tag, all or those named, as in `just long fuzz`.
long *names:
    .ci/long {{ names }}

# Compares the workloads W1 to W6 with hand-written handlers, as in `just workloads s m`.
workloads *arguments:
    tests/long/workloads.sh {{ arguments }}

# Runs the benchmarks, or those whose name contains the filter.
bench *filter:
    cargo bench --bench register --bench documents -- {{ filter }}
