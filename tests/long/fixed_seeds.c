// Gives the hash maps of Rust's library the same seeds in each run of a benchmark that is linked with this, so that its instructions are
// those of its code. The library asks for seeds by the weak symbol `getrandom` with the flag GRND_INSECURE, which nothing else here sets:
// ids and keys remain random. The program is not linked with this.
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define INSECURE 4

ssize_t getrandom(void *bytes, size_t length, unsigned int flags) {
    if (flags & INSECURE) {
        memset(bytes, 42, length);
        return (ssize_t)length;
    }
    return syscall(SYS_getrandom, bytes, length, flags);
}
