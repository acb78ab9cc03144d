// Which of a repository's GGUF files are a model, and ORG/NAME:QUANTIZATION.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::hub {

// "org/name:Q4_K_M". Hub's names have no colon.
struct QuantizedId {
  std::string id, quantization;
};
std::optional<QuantizedId> quantized_id(std::string_view text);  // nothing: it is none

// Of a repository's files those of its GGUF model of this quantization ("": of the one that there
// is), a split one's parts in order; empty where it has no GGUF. Names are compared by whole words,
// large or small letters: "Q4_K_M" is in "name-q4_k_m.gguf" and in
// "Q4_K_M/name-00001-of-00002.gguf". Vision towers and importance matrices do not count. Throws
// Error naming what there is where none or several fit; `who` begins it.
std::vector<std::string> gguf_files(const std::vector<std::string>& names,
                                    const std::string& quantization, const std::string& who);

}  // namespace strata::hub
