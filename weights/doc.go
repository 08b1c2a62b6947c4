// Package weights reads, checks, writes and converts model weights.
//
// A tensor has one name everywhere: its Hugging Face key. [Open] maps a
// safetensors file, a PyTorch file (.bin, .pt, .pth), or all shards of a sharded
// checkpoint, into memory and hands out tensors whose Data points into the mapping, so that opening costs
// neither time nor memory that grows with the file. [ConvertGGUF] turns a GGUF
// file of llama.cpp into such a folder once, tokenizer and chat template
// included.
//
// Files that come from elsewhere are not trusted: a header that lies is
// refused with a [FormatError] that names the file, the tensor, and what was
// expected and found, before any memory that it asks for is allocated. A PyTorch
// file's pickle is read by an interpreter that knows tensors and plain
// containers only; whatever else it names is refused by name and nothing is run.
//
// What a mapping cannot guard against: a file that another process truncates
// while it is mapped kills this process with SIGBUS when a lost page is read.
// Janus itself only ever replaces files by renaming, which is safe.
package weights
