/*
 * Calls every function of an exported library in every way that its header documents, and checks what comes
 * back. harness.py writes "calls.h" (one call through the header for each function) and the file of cases.
 *
 *     harness CASES heap|end|start|threads|later [WEIGHTS]
 *
 * heap: every buffer is allocated alone with exactly the bytes that belong to it, for valgrind and ASan.
 * end, start: every buffer ends (or starts) at a page that may not be touched; what is only read is on
 *     read-only pages. Stray accesses of the library's own code fault, although no tool instrumented it.
 * threads: all functions at once in several threads that start together, each with buffers of its own and
 *     little stack.
 * later: the same after a first call, which finds out what the processor is: then nothing is shared at all.
 */

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OK, NULL_POINTER, BAD_SIZE, BAD_WORKSPACE, MISALIGNED, BAD_WEIGHTS };
enum { ALIGNMENT = 64, THREADS = 6, LARGEST = 64 /* sizes or leaves of a function */ };

struct given {
    const int64_t *sizes;
    void *const *leaves; /* numbers too by their address here */
    int null_struct;     /* the structure whose address is null, or -1 */
    const void *weights;
    int64_t weights_bytes;
    void *workspace;
    int64_t workspace_bytes;
};

struct leaf {
    char kind; /* 'f', 'i' or 'b': floating, integer, boolean */
    int item;  /* bytes of an element */
    bool read, written, by_value;
};

struct function {
    const char *name;
    int (*call)(const struct given *);
    int64_t (*workspace_bytes)(const int64_t *sizes);
    const char *(*message)(int status);
    int sizes, leaves, structs;
    const struct leaf *leaf;
};

#include "calls.h"

/* ---- cases */

struct one {
    const struct function *function;
    int64_t number, status, sizes[LARGEST], workspace;
    double relative, absolute; /* tolerances */
    const char *message;       /* for a status that is not OK */
    int64_t bytes[LARGEST];
    const unsigned char *input[LARGEST], *expected[LARGEST];
};

struct refusal { /* sizes for which no memory exists: called with null pointers */
    const struct function *function;
    int64_t sizes[LARGEST], status, workspace;
};

static struct one *cases;
static struct refusal *refusals;
static int64_t case_count, refusal_count;
static const unsigned char *weights;
static int64_t weights_bytes;

static void fail(const struct one *c, const char *how, const char *what, int64_t got, int64_t expected)
{
    fprintf(stderr, "%s, case %" PRId64 ", %s: %s is %" PRId64 ", not %" PRId64 "\n", c->function->name,
            c->number, how, what, got, expected);
    exit(1);
}

static void *allocated(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        perror("malloc");
        exit(2);
    }
    return memory;
}

static unsigned char *whole_file(const char *path, size_t *bytes, size_t alignment)
{
    FILE *file = fopen(path, "rb");
    void *data = NULL;
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(2);
    }
    *bytes = (size_t)ftell(file);
    rewind(file);
    if (posix_memalign(&data, alignment, *bytes ? *bytes : 1) || fread(data, 1, *bytes, file) != *bytes) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return data;
}

static const unsigned char *at;

static const unsigned char *bytes_(int64_t count)
{
    const unsigned char *here = at;
    at += count;
    return here;
}

static int64_t integer(void)
{
    int64_t value;
    memcpy(&value, bytes_(8), 8);
    return value;
}

static double number(void)
{
    double value;
    memcpy(&value, bytes_(8), 8);
    return value;
}

static void read_cases(void)
{
    case_count = integer();
    cases = allocated((size_t)case_count * sizeof *cases);
    for (int64_t i = 0; i < case_count; i++) {
        struct one *c = &cases[i];
        c->number = i;
        c->function = &FUNCTIONS[integer()];
        c->status = integer();
        c->relative = number();
        c->absolute = number();
        c->workspace = integer();
        for (int s = 0; s < c->function->sizes; s++) c->sizes[s] = integer();
        c->message = (const char *)bytes_(integer() + 1);
        for (int l = 0; l < c->function->leaves; l++) {
            const struct leaf *leaf = &c->function->leaf[l];
            c->bytes[l] = integer();
            c->input[l] = leaf->read ? bytes_(c->bytes[l]) : NULL;
            c->expected[l] = leaf->written && c->status == OK ? bytes_(c->bytes[l]) : NULL;
        }
    }
    refusal_count = integer();
    refusals = allocated((size_t)refusal_count * sizeof *refusals);
    for (int64_t i = 0; i < refusal_count; i++) {
        struct refusal *r = &refusals[i];
        r->function = &FUNCTIONS[integer()];
        r->status = integer();
        r->workspace = integer();
        for (int s = 0; s < r->function->sizes; s++) r->sizes[s] = integer();
    }
}

/* ---- memory */

static enum { HEAP, END, START } memory_mode;

struct buffer {
    unsigned char *data; /* what the library is given */
    void *base;          /* what was allocated */
    size_t length, bytes;
};

/* The bytes around a buffer that share its pages. */
static const unsigned char CANARY = 0xC5;

static struct buffer buffer(int64_t size, size_t alignment)
{
    struct buffer b = {NULL, NULL, 0, (size_t)size};
    if (memory_mode == HEAP) {
        if (posix_memalign(&b.base, alignment < sizeof(void *) ? sizeof(void *) : alignment, b.bytes ? b.bytes : 1)) {
            perror("posix_memalign");
            exit(2);
        }
        b.data = b.base;
        return b;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (b.bytes + page - 1) / page * page;
    b.length = inside + 2 * page;
    b.base = mmap(NULL, b.length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *start = (unsigned char *)b.base + page;
    if (b.base == MAP_FAILED || (inside && mprotect(start, inside, PROT_READ | PROT_WRITE))) {
        perror("mmap");
        exit(2);
    }
    memset(start, CANARY, inside);
    b.data = memory_mode == START ? start : start + (inside - b.bytes) / alignment * alignment;
    return b;
}

static void read_only(const struct buffer *b)
{
    if (memory_mode == HEAP) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (b->length > 2 * page) mprotect((unsigned char *)b->base + page, b->length - 2 * page, PROT_READ);
}

static bool intact(const struct buffer *b)
{
    if (memory_mode == HEAP) return true;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const unsigned char *p = (unsigned char *)b->base + page, *end = (unsigned char *)b->base + b->length - page;
    for (; p < end; p++)
        if ((p < b->data || p >= b->data + b->bytes) && *p != CANARY) return false;
    return true;
}

static void release(struct buffer *b)
{
    if (memory_mode == HEAP) free(b->base);
    else munmap(b->base, b->length);
}

/* ---- one call */

struct memory {
    struct buffer leaf[LARGEST], workspace;
};

static const unsigned char UNTOUCHED = 0xA5;

static struct memory prepared(const struct one *c)
{
    struct memory m;
    for (int l = 0; l < c->function->leaves; l++) {
        const struct leaf *leaf = &c->function->leaf[l];
        m.leaf[l] = buffer(c->bytes[l], (size_t)leaf->item);
        if (leaf->read) memcpy(m.leaf[l].data, c->input[l], (size_t)c->bytes[l]);
        else memset(m.leaf[l].data, UNTOUCHED, (size_t)c->bytes[l]);
        if (!leaf->written) read_only(&m.leaf[l]);
    }
    /* Not filled: under valgrind its contents do not exist, and results that depend on them are found. */
    m.workspace = buffer(c->workspace, ALIGNMENT);
    return m;
}

static void discard(const struct one *c, struct memory *m)
{
    for (int l = 0; l < c->function->leaves; l++) release(&m->leaf[l]);
    release(&m->workspace);
}

static struct given arguments(const struct one *c, const struct memory *m, void **leaves)
{
    for (int l = 0; l < c->function->leaves; l++) leaves[l] = m->leaf[l].data;
    struct given g = {c->sizes, leaves, -1, weights, weights_bytes, m->workspace.data, c->workspace};
    return g;
}

static double floating(const unsigned char *p, int item)
{
    float narrow;
    double wide;
    if (item == 4) {
        memcpy(&narrow, p, 4);
        return narrow;
    }
    memcpy(&wide, p, 8);
    return wide;
}

static bool close_to(const struct one *c, const struct leaf *leaf, const unsigned char *p, const unsigned char *q)
{
    if (leaf->kind != 'f') return memcmp(p, q, (size_t)leaf->item) == 0;
    double got = floating(p, leaf->item), expected = floating(q, leaf->item);
    if (isnan(expected)) return isnan(got);
    if (isinf(expected) || isinf(got)) return got == expected;
    return fabs(got - expected) <= c->absolute + c->relative * fabs(expected);
}

static void check_values(const struct one *c, const struct memory *m, const char *how)
{
    for (int l = 0; l < c->function->leaves; l++) {
        const struct leaf *leaf = &c->function->leaf[l];
        const unsigned char *p = m->leaf[l].data;
        if (!intact(&m->leaf[l])) fail(c, how, "an array with something written beside it", l, -1);
        if (!leaf->written && memcmp(p, c->input[l], (size_t)c->bytes[l]))
            fail(c, how, "an argument that was written to", l, -1);
        for (int64_t i = 0; c->status == OK && leaf->written && i < c->bytes[l] / leaf->item; i++)
            if (!close_to(c, leaf, p + i * leaf->item, c->expected[l] + i * leaf->item)) {
                if (leaf->kind == 'f')
                    fprintf(stderr, "%.17g, not %.17g\n", floating(p + i * leaf->item, leaf->item),
                            floating(c->expected[l] + i * leaf->item, leaf->item));
                fprintf(stderr, "leaf %d: ", l);
                fail(c, how, "the position of a wrong element", i, -1);
            }
    }
    if (!intact(&m->workspace)) fail(c, how, "something beside the workspace", 1, 0);
}

static void check_message(const struct one *c, int status)
{
    const char *message = c->function->message(status);
    if (status && strcmp(message, c->message)) {
        fprintf(stderr, "%s\ninstead of\n%s\n", message, c->message);
        fail(c, "message", "the text of status", status, status);
    }
}

static int called(const struct one *c, const struct given *g)
{
    int status = c->function->call(g);
    if (!c->function->message(status)[0]) fail(c, "message", "the status without text", status, 0);
    return status;
}

/* The right call, twice: the second time with other contents of workspace and results, and more workspace. */
static void right_call(const struct one *c)
{
    void *leaves[LARGEST];
    struct memory m = prepared(c);
    struct given g = arguments(c, &m, leaves);
    int status = called(c, &g);
    if (status != c->status) fail(c, "right call", "the status", status, c->status);
    check_message(c, status);
    check_values(c, &m, "right call");

    struct memory again = prepared(c);
    struct given g2 = arguments(c, &again, leaves);
    struct buffer larger = buffer(c->workspace + 3 * ALIGNMENT + 1, ALIGNMENT);
    memset(larger.data, 0xFF, larger.bytes);
    g2.workspace = larger.data;
    g2.workspace_bytes = (int64_t)larger.bytes;
    for (int l = 0; l < c->function->leaves; l++)
        if (!c->function->leaf[l].read) memset(again.leaf[l].data, 0xFF, again.leaf[l].bytes);
    status = called(c, &g2);
    if (status != c->status) fail(c, "larger workspace", "the status", status, c->status);
    for (int l = 0; status == OK && l < c->function->leaves; l++)
        if (memcmp(m.leaf[l].data, again.leaf[l].data, again.leaf[l].bytes))
            fail(c, "larger workspace", "the leaf that differs", l, -1);
    for (size_t i = (size_t)c->workspace; i < larger.bytes; i++)
        if (larger.data[i] != 0xFF) fail(c, "larger workspace", "the byte written behind it", (int64_t)i, -1);
    release(&larger);
    discard(c, &m);
    discard(c, &again);
}

/* ---- wrong calls */

/* Nothing may be written by a call that was refused before it began. */
static void check_untouched(const struct one *c, const struct memory *m, const char *how)
{
    for (int l = 0; l < c->function->leaves; l++) {
        const struct leaf *leaf = &c->function->leaf[l];
        for (int64_t i = 0; i < c->bytes[l]; i++)
            if (m->leaf[l].data[i] != (leaf->read ? c->input[l][i] : UNTOUCHED))
                fail(c, how, "the leaf that was touched", l, -1);
        if (!intact(&m->leaf[l])) fail(c, how, "something beside a leaf", l, -1);
    }
}

static void refused(const struct one *c, const struct memory *m, const struct given *g, int64_t expected,
                    const char *how)
{
    int status = called(c, g);
    if (status != expected) fail(c, how, "the status", status, expected);
    check_untouched(c, m, how);
}

static void wrong_pointers(const struct one *c, const struct memory *m)
{
    void *leaves[LARGEST];
    for (int l = 0; l < c->function->leaves; l++) {
        const struct leaf *leaf = &c->function->leaf[l];
        struct given g = arguments(c, m, leaves);
        if (leaf->by_value) continue;
        leaves[l] = NULL;
        if (c->bytes[l]) refused(c, m, &g, NULL_POINTER, "null pointer");
        for (int shift = 1; shift < leaf->item; shift *= 2) {
            leaves[l] = m->leaf[l].data + shift;
            refused(c, m, &g, MISALIGNED, "misaligned array");
        }
    }
    for (int s = 0; s < c->function->structs; s++) {
        struct given g = arguments(c, m, leaves);
        g.null_struct = s;
        refused(c, m, &g, NULL_POINTER, "null structure");
    }
}

static void wrong_workspaces(const struct one *c, const struct memory *m)
{
    void *leaves[LARGEST];
    struct given g = arguments(c, m, leaves);
    g.workspace_bytes = c->workspace - 1;
    refused(c, m, &g, BAD_WORKSPACE, "short workspace");
    g.workspace_bytes = INT64_MIN;
    refused(c, m, &g, BAD_WORKSPACE, "workspace of negative size");
    if (!c->workspace) return;
    g.workspace_bytes = 0;
    refused(c, m, &g, BAD_WORKSPACE, "workspace of no size");
    g.workspace_bytes = c->workspace;
    for (int shift = 1; shift < ALIGNMENT; shift *= 2) {
        g.workspace = m->workspace.data + shift;
        refused(c, m, &g, BAD_WORKSPACE, "misaligned workspace");
    }
    g.workspace = NULL;
    refused(c, m, &g, BAD_WORKSPACE, "null workspace");
    g.workspace_bytes = INT64_MAX;
    refused(c, m, &g, BAD_WORKSPACE, "large null workspace");
}

static void wrong_weights(const struct one *c, const struct memory *m)
{
    void *leaves[LARGEST];
    size_t bytes;
    if (!weights_bytes) return;
    struct given g = arguments(c, m, leaves);
    g.weights = NULL;
    refused(c, m, &g, BAD_WEIGHTS, "null weights");
    unsigned char *moved = allocated((size_t)weights_bytes + 2 * ALIGNMENT);
    for (int shift = 1; shift < ALIGNMENT; shift *= 2) {
        g.weights = moved + ((uintptr_t)-(uintptr_t)moved & (ALIGNMENT - 1)) + shift;
        refused(c, m, &g, BAD_WEIGHTS, "misaligned weights");
    }
    free(moved);
    g = arguments(c, m, leaves);
    const int64_t lengths[] = {weights_bytes - 1, weights_bytes + 1, 0, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        g.weights_bytes = lengths[i];
        refused(c, m, &g, BAD_WEIGHTS, "weights of another length");
    }
    g.weights_bytes = weights_bytes;
    unsigned char *other = NULL;
    memcpy(&bytes, weights, 8); /* the length of the header, which is compared */
    for (size_t i = 0; i < bytes + 8; i += bytes / 3 + 1) {
        if (posix_memalign((void **)&other, ALIGNMENT, (size_t)weights_bytes)) exit(2);
        memcpy(other, weights, (size_t)weights_bytes);
        other[i] ^= 1;
        g.weights = other;
        refused(c, m, &g, BAD_WEIGHTS, "other weights");
        free(other);
    }
}

static void wrong_sizes(const struct one *c, const struct memory *m)
{
    void *leaves[LARGEST];
    int64_t sizes[LARGEST];
    const int64_t wrong[] = {-1, -2, -1000, INT64_MIN, INT64_MIN + 1, -((int64_t)1 << 32)};
    for (int s = 0; s < c->function->sizes; s++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            struct given g = arguments(c, m, leaves);
            memcpy(sizes, c->sizes, sizeof sizes);
            sizes[s] = wrong[i];
            g.sizes = sizes;
            refused(c, m, &g, BAD_SIZE, "negative size");
            int64_t bytes = c->function->workspace_bytes(sizes);
            if (bytes != -1) fail(c, "negative size", "the bytes of workspace", bytes, -1);
        }
}

/* Arrays without elements, and a workspace that is not used, may be anywhere. */
static void nothing_there(const struct one *c)
{
    void *leaves[LARGEST];
    struct memory m = prepared(c);
    struct given g = arguments(c, &m, leaves);
    for (int l = 0; l < c->function->leaves; l++)
        if (!c->bytes[l] && !c->function->leaf[l].by_value) leaves[l] = NULL;
    if (!c->workspace) g.workspace = NULL;
    int status = called(c, &g);
    if (status != c->status) fail(c, "null arrays without elements", "the status", status, c->status);
    check_values(c, &m, "null arrays without elements");
    if (!c->workspace) {
        struct memory n = prepared(c);
        g = arguments(c, &n, leaves);
        g.workspace = n.workspace.data + 1;
        status = called(c, &g);
        if (status != c->status) fail(c, "unused workspace", "the status", status, c->status);
        discard(c, &n);
    }
    discard(c, &m);
}

static void impossible_sizes(void)
{
    for (int64_t i = 0; i < refusal_count; i++) {
        const struct refusal *r = &refusals[i];
        struct one c = {.function = r->function, .number = -1 - i, .message = ""};
        uint64_t zero = 0;
        void *leaves[LARGEST];
        for (int l = 0; l < r->function->leaves; l++) leaves[l] = r->function->leaf[l].by_value ? &zero : NULL;
        struct given g = {r->sizes, leaves, -1, weights, weights_bytes, NULL, INT64_MAX};
        int64_t bytes = r->function->workspace_bytes(r->sizes);
        if (bytes != r->workspace) fail(&c, "huge sizes", "the bytes of workspace", bytes, r->workspace);
        int status = called(&c, &g);
        if (status != r->status) fail(&c, "huge sizes", "the status", status, r->status);
    }
}

static void run(const struct one *c)
{
    int64_t bytes = c->function->workspace_bytes(c->sizes);
    if (bytes != c->workspace) fail(c, "workspace", "its size in bytes", bytes, c->workspace);
    right_call(c);
    nothing_there(c);
    struct memory m = prepared(c);
    wrong_pointers(c, &m);
    wrong_workspaces(c, &m);
    wrong_weights(c, &m);
    wrong_sizes(c, &m);
    discard(c, &m);
}

/* ---- threads */

static pthread_barrier_t start;

static void *thread(void *first)
{
    pthread_barrier_wait(&start);
    for (int64_t i = 0; i < case_count; i++) {
        const struct one *c = &cases[(i + *(int *)first) % case_count];
        for (int again = 0; again < 4; again++) right_call(c);
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    int first[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        first[i] = i / 2; /* pairs begin with the same function */
        if (pthread_create(&threads[i], &small, thread, &first[i])) exit(2);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    static const char text[] = "the library touched memory that was not given to it\n";
    (void)signal_number, (void)info, (void)context;
    _exit(write(2, text, sizeof text - 1) > 0 ? 3 : 4);
}

int main(int count, char **words)
{
    size_t size, weights_size = 0;
    if (count < 3) return 2;
    memory_mode = !strcmp(words[2], "end") ? END : !strcmp(words[2], "start") ? START : HEAP;
    if (memory_mode != HEAP) {
        struct sigaction action = {0};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSEGV, &action, NULL);
    }
    unsigned char *data = whole_file(words[1], &size, ALIGNMENT), *given = NULL;
    at = data;
    read_cases();
    if (count > 3) weights = given = whole_file(words[3], &weights_size, ALIGNMENT);
    weights_bytes = (int64_t)weights_size;
    if (!strcmp(words[2], "later")) right_call(&cases[0]);
    if (!strcmp(words[2], "threads") || !strcmp(words[2], "later")) run_threads();
    else {
        for (int64_t i = 0; i < case_count; i++) run(&cases[i]);
        impossible_sizes();
    }
    printf("%" PRId64 " cases, %" PRId64 " impossible sizes: all right\n", case_count, refusal_count);
    free(cases);
    free(refusals);
    free(data);
    free(given);
    return 0;
}
