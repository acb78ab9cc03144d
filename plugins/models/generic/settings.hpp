// What the decoder is for one configuration, as its description says it.
// Dims: V vocabulary, D hidden, F ffn, L layers, H heads, K kv heads, E head.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "description.hpp"

namespace generic {

struct Norm {
  bool rms = true, affine = true, bias = false;
  double eps = 1e-6, offset = 0;
};

// Names of modules; an empty one is not there.
struct Branch {
  std::string norm;       // of what the branch takes
  std::string post_norm;  // of what it gives, before the sum
  std::string sum_norm;   // of the sum
};

enum class Layout { separate, fused, interleaved };
enum class QkNorm { none, head, heads, width };  // one weight [E], [H,E], or [H*E]

struct Rotary {
  bool rotate = false, plain = false, interleaved = false;
  std::string path;      // of the model's rope in config.json
  std::int64_t dim = 0;  // that turn; 0: as config.json says, else a fraction of the head
  double fraction = 1, theta = 10000;
};

struct AttentionBranch : Branch {
  std::int64_t H, K, E;
  Layout layout = Layout::separate;
  std::string q, k, v, qkv, out, q_norm, k_norm, sinks;
  QkNorm qk_norm = QkNorm::none;
  bool bias = false, out_bias = false, alibi = false;
  double scale = 0, soft_cap = 0, clip = 0, alibi_scale = 1, dropout = 0;
  std::uint32_t window = 0;
  Rotary rope;
};

struct MlpBranch : Branch {
  std::int64_t F;
  std::string gate, up, gate_up, down;
  bool bias = false, down_bias = false;
  std::string activation;
};

struct Layer {
  std::string prefix;
  AttentionBranch attention;
  MlpBranch mlp;
};

struct Settings {
  std::int64_t V, D;
  bool parallel = false, in_out = false;
  double residual_scale = 1;
  Norm norm;

  std::string embedding, embedding_norm, positions;
  double embedding_scale = 1;
  bool embedding_rounded = false;
  std::int64_t position_count = 0, position_offset = 0;

  std::string head, head_norm;
  bool head_bias = false;
  double head_scale = 1, head_soft_cap = 0;

  std::vector<Layer> layers;
};

// Throws strata::Failure with the place in the description, where it or config.json is at fault.
Settings read_settings(const Description& description, const Values& values);

}  // namespace generic
