/* One thread that writes a raw image from a web server, in the manner of coreos-installer: a buffer of 256 KiB is read,
 * hashed and written, over and over; the first MiB is written last. usage: one_thread HOST PORT PATH SHA256 DEVICE */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (256 << 10)
#define HEAD (1 << 20)

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found)) fail("getaddrinfo");
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen)) fail("connect");
    freeaddrinfo(found);
    return fd;
}

static void write_at(int fd, const char *data, size_t size, off_t offset) {
    while (size) {
        ssize_t done = pwrite(fd, data, size, offset);
        if (done <= 0) fail("pwrite");
        data += done, offset += done, size -= (size_t)done;
    }
}

/* Reads the response's header; returns how many bytes of the body came with it, at the front of `piece`. */
static size_t skip_header(int fd, char *piece, long long *length) {
    size_t used = 0;
    char *end = NULL;
    while (!end && used < PIECE - 1) {
        ssize_t got = recv(fd, piece + used, PIECE - 1 - used, 0);
        if (got <= 0) fail("recv");
        used += (size_t)got;
        piece[used] = 0;
        end = strstr(piece, "\r\n\r\n");
    }
    char *field = strcasestr(piece, "content-length:");
    if (!end || strncmp(piece + 9, "200", 3) || !field || field > end) {
        fprintf(stderr, "not a usable answer: %.60s\n", piece);
        exit(1);
    }
    *length = atoll(field + 15);
    size_t rest = used - (size_t)(end + 4 - piece);
    memmove(piece, end + 4, rest);
    return rest;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    char *piece = malloc(PIECE), *head = calloc(1, HEAD), request[4096], hex[65];
    int in = connect_to(argv[1], argv[2]), out = open(argv[5], O_RDWR | O_EXCL);
    if (out < 0) fail(argv[5]);
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
    if (send(in, request, (size_t)size, 0) != size) fail("send");
    long long length, offset = 0;
    size_t used = skip_header(in, piece, &length);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    write_at(out, head, HEAD, 0);
    while (offset < length) {
        while (used < PIECE && offset + (long long)used < length) {
            ssize_t got = recv(in, piece + used, PIECE - used, 0);
            if (got <= 0) fail("recv");
            used += (size_t)got;
        }
        EVP_DigestUpdate(hash, piece, used);
        size_t kept = offset >= HEAD ? 0 : used < (size_t)(HEAD - offset) ? used : (size_t)(HEAD - offset);
        memcpy(head + (offset < HEAD ? offset : 0), piece, kept);
        write_at(out, piece + kept, used - kept, offset + (off_t)kept);
        offset += (long long)used;
        used = 0;
    }
    unsigned char digest[32];
    EVP_DigestFinal_ex(hash, digest, NULL);
    for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", digest[i]);
    if (strcmp(hex, argv[4])) {
        fprintf(stderr, "sha256 is %s, expected was %s\n", hex, argv[4]);
        return 1;
    }
    if (fsync(out)) fail("fsync");
    write_at(out, head, length < HEAD ? (size_t)length : HEAD, 0);
    if (fsync(out)) fail("fsync");
    return 0;
}
