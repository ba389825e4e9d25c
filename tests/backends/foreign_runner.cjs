// Calls the programs p0, p1, … of a WebAssembly module as foreign_runner.c does, with the same files.
const fs = require("fs");

const LINE = 64;
const [, , file, input, output] = process.argv;
const compiled = new WebAssembly.Module(fs.readFileSync(file));
const wasm = new WebAssembly.Instance(compiled, {}).exports;
const data = fs.readFileSync(input);
const answers = [];
let position = 0;

function cells(count) {
  const values = [];
  for (let i = 0; i < count; i++, position += 8) values.push(Number(data.readBigInt64LE(position)));
  return values;
}

function line(address) {
  return Math.ceil(address / LINE) * LINE;
}

while (position < data.length) {
  const [program, buffers, sizes, arenaBytes] = cells(4);
  const given = cells(sizes);
  const bytes = cells(buffers);
  const places = [];
  let free = line(wasm.__heap_base.value);
  for (const size of bytes) {
    places.push(free + 8);
    free = line(free + 8 + size);
  }
  const arena = free;
  const sizesAt = arena + arenaBytes + LINE;
  const pointersAt = sizesAt + 8 * sizes;
  const missing = pointersAt + 4 * buffers - wasm.memory.buffer.byteLength;
  if (missing > 0) wasm.memory.grow(Math.ceil(missing / 65536));
  const memory = Buffer.from(wasm.memory.buffer);
  for (let i = 0; i < buffers; i++, position += bytes[i - 1]) {
    data.copy(memory, places[i], position, position + bytes[i]);
    memory.writeUInt32LE(places[i] + LINE, pointersAt + 4 * i);
  }
  given.forEach((size, i) => memory.writeBigInt64LE(BigInt(size), sizesAt + 8 * i));
  memory.fill(0x5a, arena, arena + arenaBytes + LINE);
  const status = Buffer.alloc(8);
  status.writeBigInt64LE(wasm[`p${program}`](pointersAt, sizesAt, arena));
  answers.push(status);
  for (let i = 0; i < buffers; i++) answers.push(Buffer.from(memory.subarray(places[i], places[i] + bytes[i])));
  answers.push(Buffer.from(memory.subarray(arena + arenaBytes, arena + arenaBytes + LINE)));
}
fs.writeFileSync(output, Buffer.concat(answers));
