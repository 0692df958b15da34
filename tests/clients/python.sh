# The Python environment of the clients. To be sourced after debian.sh, in the repository's folder,
# with `folder` set to the folder of what is made for the clients, and with its lock.

# Installs what a list names, once for each state of it.
once() {
    local list=$1 mark=$2
    shift 2
    [ -e "$mark" ] && cmp -s "$list" "$mark" && return
    rm -f "$mark"
    "$@" && cp "$list" "$mark"
}

prepare_python() {
    once tests/clients/python/requirements.txt "$folder/python/.installed" install_python
}
install_python() {
    python3 -m venv --clear "$folder/python" &&
        "$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement tests/clients/python/requirements.txt
}
