/*
 * What the C programs here share: files of plain numbers, workspaces, errors that end the program.
 * Include it first: posix_memalign is POSIX, not C99.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#define _POSIX_C_SOURCE 200112L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* Fills `memory` with the whole of a file, which must be exactly as long. */
static inline void read_file(const char *name, void *memory, size_t bytes)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fail(name, "cannot be opened; run the Python script of this example first");
        return;
    }
    if (fread(memory, 1, bytes, file) != bytes || fgetc(file) != EOF)
        fail(name, "is not as long as this program expects");
    fclose(file);
}

static inline void write_file(const char *name, const void *memory, size_t bytes)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL) {
        fail(name, "cannot be written");
        return;
    }
    if (fwrite(memory, 1, bytes, file) != bytes || fclose(file) != 0)
        fail(name, "cannot be written");
}

/* Memory for `bytes`, aligned as workspaces must be; free() it. */
static inline void *new_memory(int64_t bytes)
{
    void *memory = NULL;
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX)
        fail("memory", "these sizes are impossible");
    if (posix_memalign(&memory, 64, (size_t)bytes) != 0)
        fail("memory", "there is not enough");
    return memory;
}

#endif
