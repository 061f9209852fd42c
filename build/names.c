/* A statically linked program must not load the system's name service modules: they bring
 * a C library of their own, which may be another version. Names are looked up in files and
 * by DNS, as with every other statically linked program. The linker sends calls of
 * getaddrinfo here (--wrap). */

#include <netdb.h>

extern int __nss_configure_lookup(const char *database, const char *services);
extern int __real_getaddrinfo(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found) {
    static int configured;
    if (!configured) {
        __nss_configure_lookup("hosts", "files dns");
        __nss_configure_lookup("services", "files");
        configured = 1;
    }
    return __real_getaddrinfo(name, service, hints, found);
}
