// Imported before a library that brings a copy of Node's own streams (readable-stream, below mqtt and aedes): with
// this set it takes those of Node, which are there anyhow. Saves 3 MiB of resident memory.

process.env["READABLE_STREAM"] ??= "disable";
