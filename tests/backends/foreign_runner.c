/* Calls programs with the arguments in one file and writes what became of all memory to another.

   A call is, in cells of eight bytes: program, buffers, sizes, bytes of arena; the sizes; the bytes of every
   buffer; then the buffers. The answer: the status, the buffers, and the bytes behind the arena. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, MOST = 4096 };

typedef int64_t program(void **buffers, const int64_t *sizes, void *arena);
extern program *const programs[];

static void *line(size_t bytes, void **memory) {
    *memory = malloc(bytes + LINE);
    return (void *)(((uintptr_t)*memory + LINE - 1) / LINE * LINE);
}

int main(int count, char **names) {
    FILE *in = fopen(names[1], "rb"), *out = fopen(names[2], "wb");
    int64_t head[4], status;
    static int64_t sizes[MOST], bytes[MOST];
    static void *buffers[MOST], *memory[MOST + 1];
    if (count != 3 || !in || !out) return 1;
    while (fread(head, 8, 4, in) == 4) {
        if (head[1] > MOST || head[2] > MOST) return 2;
        if (fread(sizes, 8, head[2], in) != (size_t)head[2]) return 3;
        if (fread(bytes, 8, head[1], in) != (size_t)head[1]) return 3;
        for (int i = 0; i < head[1]; i++) {
            /* Eight bytes behind a line: aligned for every element, and for no vector. */
            char *place = (char *)line(bytes[i] + 8, &memory[i]) + 8;
            if (fread(place, 1, bytes[i], in) != (size_t)bytes[i]) return 3;
            buffers[i] = place + LINE;
        }
        char *arena = line(head[3] + LINE, &memory[head[1]]);
        memset(arena, 0x5A, head[3] + LINE);
        status = programs[head[0]](buffers, sizes, arena);
        fwrite(&status, 8, 1, out);
        for (int i = 0; i < head[1]; i++) fwrite((char *)buffers[i] - LINE, 1, bytes[i], out);
        fwrite(arena + head[3], 1, LINE, out);
        for (int i = 0; i <= head[1]; i++) free(memory[i]);
    }
    return fclose(out) ? 4 : 0;
}
