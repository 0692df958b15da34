# Sourced by the scripts that run benches/workloads, from the repository's folder.

# build_workloads PROFILE: builds the benchmark with fixed_seeds.c, and sets `workloads` to its path. Both scripts build it in the same way,
# so that the second one links nothing.
build_workloads() {
    local folder=${CARGO_TARGET_DIR:-target}/workloads artifacts
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    "${CC:-cc}" -O2 -c tests/long/fixed_seeds.c -o "$folder/fixed_seeds.o" || fail "fixed_seeds.c was not compiled"
    # Its name has a hash, which only cargo knows.
    artifacts=$(cargo rustc --profile "$1" --locked --bench workloads --message-format=json -- -C link-arg="$folder/fixed_seeds.o")
    workloads=$(sed -n 's/.*"name":"workloads".*"executable":"\([^"]*\)".*/\1/p' <<<"$artifacts" | tail -n1)
    [ -x "$workloads" ] || fail "the benchmark workloads was not built"
}
