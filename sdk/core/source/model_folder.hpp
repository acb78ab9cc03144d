// Which of a folder's files are the model, and what a folder without one holds.
#pragma once
#include <string>

namespace strata::source {

// The file that begins the weights, of those that transformers looks for, in its order:
// model.safetensors, pytorch_model.bin, or the index of either before the next; "" where there is
// none.
std::string weights_of(const std::string& folder);

// The one GGUF model of a folder, a split one by its first part that is there; "" where there is
// none. Vision towers ("mmproj") and importance matrices ("imatrix") beside it do not count. Throws
// Error where there are several.
std::string gguf_of(const std::string& folder);

// Throws the Error that says what the folder holds in the place of a model: an adapter, the layout
// of Mistral's or Meta's own programs, another program's weights.
[[noreturn]] void refuse_folder(const std::string& folder);

}  // namespace strata::source
