// What the decoder is for one configuration, as its description says it.
// Dims: V vocabulary, D hidden, F ffn, L layers, H heads, K kv heads, E head, Ev value, X experts.
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

// The name with the number in the place of its {}.
std::string numbered(std::string name, std::int64_t number);

// Names of modules; an empty one is not there.
struct Branch {
  std::string norm;       // of what the branch takes
  std::string post_norm;  // of what it gives, before the sum
  std::string sum_norm;   // of the sum
};

enum class Layout { separate, fused, interleaved, latent };
// One weight [E], [H,E], or [H*E]; each: H weights [E], the name with {} for the head.
enum class QkNorm { none, head, heads, width, each };

struct Rotary {
  bool rotate = false, interleaved = false;
  bool part = false;       // less than a head may turn
  std::int64_t dim = 0;    // that turn, whatever the parameters say; 0: as they say
  std::string parameters;  // in JSON, complete but for what the model as a whole says
  double mscale = 0;       // the scores are scaled by the square of yarn's mscale_all_dim; 0: not
};

// Heads made from narrow states; of a head of q and k the first `plain` dimensions stay as they are
// and `turning` ones turn, which all heads of k share.
struct Latent {
  std::int64_t rank = 0, q_rank = 0;  // of the states; q_rank 0: q is one product
  std::int64_t plain = 0, turning = 0;
  std::string down, norm, up, q_down, q_norm, q_up;
  bool bias = false;  // of down and q_down
  double eps = 0;     // of both norms
};

struct AttentionBranch : Branch {
  std::int64_t H, K, E, Ev;
  Layout layout = Layout::separate;
  Latent latent;
  std::string q, k, v, qkv, out, q_norm, k_norm, sinks;
  QkNorm qk_norm = QkNorm::none;
  bool norm_turned = false;  // q and k are turned first
  bool bias = false, out_bias = false, alibi = false;
  double scale = 0, soft_cap = 0, clip = 0, alibi_scale = 1, dropout = 0;
  double value_scale = 1;
  std::uint32_t window = 0;
  Rotary rope;
};

struct Mlp {
  std::int64_t F = 0;  // 0: there is none
  std::string gate, up, gate_up, down;
  bool bias = false, down_bias = false;
  std::int32_t activation = 0;
};

// Names have {} for an expert's number; all_*: whole names of tensors of all experts. `choice` is
// the whole name of what is added to scores that choose.
struct Experts {
  std::int64_t X = 0, F = 0;  // X 0: there are none
  std::uint32_t top_k = 1;
  std::string router, gate, up, down, all_gate_up, all_up, all_down;
  std::string choice, choice_also, all_gate_up_bias, all_down_bias;
  bool by_turns = false;  // in all_gate_up
  bool in_out = false;    // where sizes do not tell
  bool bias = false, router_bias = false, router_float32 = false;
  bool sigmoid = false, normalise = false;
  std::uint32_t groups = 0, top_groups = 0, group_best = 0;  // groups 0: none
  double scale = 1, least_sum = 0;
  double limit = 0, up_offset = 0;  // of gate and up
  std::int32_t activation = 0;
};

// `dense` is the mlp of a layer without experts; `shared` goes beside experts, weighed by a sigmoid
// of shared_router where that has a name.
struct MlpBranch : Branch {
  Mlp dense, shared;
  Experts experts;
  std::string shared_router;
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
  std::vector<std::string> passed_over;  // in names of tensors that may be there as well

  std::string embedding, embedding_norm, positions;
  double embedding_scale = 1;
  bool embedding_rounded = false;
  std::int64_t position_count = 0, position_offset = 0;  // rows; of the first position's

  std::string head, head_norm;
  bool head_bias = false;
  double head_scale = 1, head_soft_cap = 0;

  std::vector<Layer> layers;
};

// Throws strata::Failure with the place in the description, where it or config.json is at fault.
Settings read_settings(const Description& description, const Values& values);

}  // namespace generic
