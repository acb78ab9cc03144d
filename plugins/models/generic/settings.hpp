// The settings of the decoder for one configuration, as its description defines them.
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

// The name with the number in place of {}.
std::string numbered(std::string name, std::int64_t number);

// Names of modules; an empty name means that the module is absent.
struct Branch {
  std::string norm;             // of the branch's input
  std::string post_norm;        // of its output, before the sum
  std::string sum_norm;         // of the sum
  double residual_dropout = 0;  // of its output in training, before the post_norm
};

enum class Layout { separate, fused, interleaved, latent };
// One weight of shape [E] (head), [H,E] (heads) or [H*E] (width); each: H weights [E], with {} for
// the head in the name.
enum class QkNorm { none, head, heads, width, each };

struct Rotary {
  bool rotate = false, interleaved = false;
  bool part = false;       // rotary embeddings may cover a part of a head
  std::int64_t dim = 0;    // rotary dimensions, overriding the parameters; 0: as they say
  std::string parameters;  // in JSON, complete but for keys of the whole model
  double mscale = 0;       // yarn's mscale_all_dim, which scales the scores by its square; 0: none
};

// Heads made from low-rank states. In a head of q and k the first `plain` dimensions have no rope
// and the other `turning` ones do; all heads of k share the latter.
struct Latent {
  std::int64_t rank = 0, q_rank = 0;  // ranks of the states; q_rank 0: q is one matrix product
  std::int64_t plain = 0, turning = 0;
  std::string down, norm, up, q_down, q_norm, q_up;
  bool bias = false;  // down and q_down have one
  double eps = 0;     // of both norms
};

struct AttentionBranch : Branch {
  std::int64_t H, K, E, Ev;
  Layout layout = Layout::separate;
  Latent latent;
  std::string q, k, v, qkv, out, q_norm, k_norm, sinks;
  QkNorm qk_norm = QkNorm::none;
  bool norm_turned = false;  // q and k get their norms after rope
  bool bias = false, out_bias = false, alibi = false;
  double scale = 0, soft_cap = 0, clip = 0, alibi_scale = 1, dropout = 0;
  double value_scale = 1;
  std::uint32_t window = 0;
  Rotary rope;
};

struct Mlp {
  std::int64_t F = 0;  // 0: no dense mlp
  std::string gate, up, gate_up, down;
  bool bias = false, down_bias = false;
  std::int32_t activation = 0;
  double activation_dropout = 0;  // of what enters `down`, in training
};

// Names have {} for an expert's number; all_* are whole names of tensors that hold all experts.
// `choice` is the whole name of the bias that is added to scores for the choice only.
struct Experts {
  std::int64_t X = 0, F = 0;  // X 0: no experts
  std::uint32_t top_k = 1;
  std::string router, gate, up, down, all_gate_up, all_up, all_down;
  std::string choice, choice_also, all_gate_up_bias, all_down_bias;
  bool by_turns = false;  // gate and up alternate in all_gate_up
  bool in_out = false;    // matrices are [in,out], if sizes do not tell
  bool bias = false, router_bias = false, router_float32 = false;
  bool sigmoid = false, normalise = false;
  std::uint32_t groups = 0, top_groups = 0, group_best = 0;  // groups 0: no groups
  double scale = 1, least_sum = 0;
  double limit = 0, up_offset = 0;  // limit of gate and up; added to up
  std::int32_t activation = 0;
};

// `dense` is the mlp of a layer without experts; `shared` runs beside the experts, weighted by the
// sigmoid of shared_router if that has a name.
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
  double residual_dropout = 0;  // of the sum of parallel branches in training
  Norm norm;
  std::vector<std::string> passed_over;  // parts of names of tensors that are ignored

  std::string embedding, embedding_norm, positions;
  double embedding_scale = 1;
  double embedding_dropout = 0;  // of what enters the first layer, in training
  bool embedding_rounded = false;
  std::int64_t position_count = 0, position_offset = 0;  // rows; row of position 0

  std::string head, head_norm;
  bool head_bias = false;
  double head_scale = 1, head_soft_cap = 0;

  std::vector<Layer> layers;
};

// Throws strata::Failure with the place in the description if it or config.json is at fault.
Settings read_settings(const Description& description, const Values& values);

}  // namespace generic
