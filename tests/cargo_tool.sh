# Sourced by scripts after debian.sh, with `script` set: programs of cargo that they need, in a fixed version.

# cargo_tool NAME VERSION [OPTION…]: sets `program` to the program of that name and version. It is looked for in PATH. When there is none, it
# is built once in tools of the target folder with these options, which takes some minutes.
cargo_tool() {
    local name=$1 version=$2 folder
    shift 2
    command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs describes"
    # Some print their name before the version.
    has_version() { [[ " $("$1" --version 2>/dev/null)" == *" $version" ]]; }
    program=$(command -v "$name" || true)
    [ -z "$program" ] || ! has_version "$program" || return 0
    folder=${CARGO_TARGET_DIR:-target}/tools
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    program=$folder/bin/$name
    # One at a time: others wait, and find it built.
    if command -v flock >/dev/null; then
        exec 9>"$folder/.lock"
        flock 9
    fi
    if ! has_version "$program"; then
        say "building $name $version in $folder"
        # Without optimisation, which would take longer than all that it does.
        cargo install "$name" --version "$version" --locked --force --quiet --debug "$@" \
            --root "$folder" --target-dir "$folder/build" >&2 ||
            fail "$name $version could not be built"
        rm -rf "$folder/build"
    fi
    # Released before the program begins, which may take long without a cache.
    exec 9>&-
}
