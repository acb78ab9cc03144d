// Chooses the GGUF files of a repository that form a model, and parses ORG/NAME:QUANTIZATION.
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
std::optional<QuantizedId> quantized_id(std::string_view text);  // nothing if it is none

// The repository's files of the GGUF model of this quantization ("": of its only model), with the
// parts of a split model in order; empty if it has no GGUF. Names are compared by whole words,
// ignoring case: "Q4_K_M" is in "name-q4_k_m.gguf" and in "Q4_K_M/name-00001-of-00002.gguf". Vision
// towers and importance matrices do not count. Throws an Error that lists the files if none or
// several models fit; `who` begins it.
std::vector<std::string> gguf_files(const std::vector<std::string>& names,
                                    const std::string& quantization, const std::string& who);

}  // namespace strata::hub
