// The facts of a checkpoint's tensors and its quantization_config, as recognize needs them.
// Failures name the weight, the facts that do not fit, and what to do.
#pragma once
#include <algorithm>
#include <cctype>
#include <optional>
#include <span>

#include "transposed/form.hpp"

namespace transposed {

using strata::WeightTensor;

struct Tensors {
  const WeightTensor *codes = nullptr, *zeros = nullptr, *scales = nullptr;
  const WeightTensor* order = nullptr;  // null where the checkpoint has none
};

// Nothing where codes, zeros or scales are not there.
inline std::optional<Tensors> tensors_of(std::span<const WeightTensor> given) {
  Tensors out;
  for (const auto& one : given) {
    if (one.role == "codes") out.codes = &one;
    if (one.role == "zeros") out.zeros = &one;
    if (one.role == "scales") out.scales = &one;
    if (one.role == "order") out.order = &one;
  }
  return out.codes && out.zeros && out.scales ? std::optional(out) : std::nullopt;
}

// "codes I32 [16, 64]"
inline std::string facts_of(const WeightTensor& tensor) {
  std::string out = std::string(tensor.role) + ' ' + std::string(tensor.type) + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i)
    out += (i == 0 ? "" : ", ") + std::to_string(tensor.shape[i]);
  return out + ']';
}

inline strata::Failure refused(std::string_view weight, const std::string& why) {
  return {STRATA_INVALID, std::string(weight) + ": " + why};
}

inline strata::Failure unfit(std::string_view weight, const WeightTensor& one,
                             const WeightTensor& other, const std::string& why) {
  return refused(weight, "its " + facts_of(one) + " and " + facts_of(other) +
                             " do not fit each other, since " + why +
                             ": fetch the checkpoint again");
}

// The first of two names that the configuration has, as it writes it; "group_size|q_group_size".
inline std::string_view present(const strata::Config& options, std::string_view names) {
  const auto first = names.substr(0, names.find('|'));
  return options.has(first) ? first : names.substr(first.size() + 1);
}

// The configuration says something else than the tensors.
inline strata::Failure contradicted(std::string_view weight, const std::string& tensors,
                                    const strata::Config& options, std::string_view names) {
  return refused(weight, tensors + ", and config.json's " + std::string(present(options, names)) +
                             " is " + std::to_string(options.i64(names)) +
                             ": give the config.json that belongs to these weights");
}

inline bool is_matrix(const WeightTensor& tensor) {
  return tensor.shape.size() == 2 && std::ranges::all_of(tensor.shape, [](int64_t length) {
           return length > 0 && length <= longest;
         });
}

// Throws unless codes and zeros are matrices of words and scales are one of floats.
inline void check_types(std::string_view weight, const Tensors& of) {
  for (const auto* one : {of.codes, of.zeros})
    if (one->type != "I32" || !is_matrix(*one))
      throw refused(weight, "its " + facts_of(*one) +
                                " are no matrix of I32: give the checkpoint packed in int32");
  if (!is_matrix(*of.scales))
    throw refused(weight,
                  "its " + facts_of(*of.scales) + " are no matrix: fetch the checkpoint again");
}

inline strata_dtype scale_of(std::string_view weight, const WeightTensor& scales) {
  for (const auto& one : scale_names)
    if (one.type == scales.type) return one.dtype;
  throw refused(weight, "its " + facts_of(scales) +
                            " are not F16, BF16 or F32: give the checkpoint with such scales");
}

// A text option in small letters; `otherwise` where the configuration has none.
inline std::string option(const strata::Config* options, std::string_view path,
                          std::string_view otherwise) {
  auto out = options ? options->text(path, otherwise) : std::string(otherwise);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

inline bool is_auto_round(std::string_view method) {
  return method == "auto-round" || method == "intel/auto-round";
}

// Whether the configuration gives some modules other settings than those that it names first.
inline bool has_exceptions(const strata::Config* options) {
  return options && (options->has("dynamic") || options->has("extra_config"));
}

// The elements of a row that share one of `groups` scales; 0: all of them. The configuration says
// it; where it names none, or others for some modules, groups of equal length do.
inline int64_t group_of(std::string_view weight, const strata::Config* options,
                        const Tensors& tensors, int64_t in) {
  const auto groups = tensors.scales->shape[0];
  const auto fits = [&](int64_t group) { return groups_in({4, group, {}}, in) == groups; };
  constexpr std::string_view path = "group_size|q_group_size";
  const bool named = options && options->has(path);
  const auto configured = named ? options->i64(path) : 0;
  if (named && configured != -1 && (configured < 1 || configured > longest))
    throw refused(weight, "config.json's " + std::string(present(*options, path)) + ' ' +
                              std::to_string(configured) + " is not valid: fix config.json");
  const auto group = configured == -1 ? 0 : configured;
  if (named && fits(group)) return group < in ? group : 0;
  if (named && !has_exceptions(options))
    throw contradicted(weight,
                       "its " + facts_of(*tensors.scales) + " are of " + std::to_string(groups) +
                           " groups in a row of " + std::to_string(in),
                       *options, path);
  if (in % groups != 0)
    throw refused(weight, "its " + facts_of(*tensors.scales) + " are of groups in a row of " +
                              std::to_string(in) + ", which has no " + std::to_string(groups) +
                              " groups of equal length: name the group_size in config.json");
  return groups == 1 ? 0 : in / groups;
}

// Throws where the configuration names other bits for all modules.
inline void check_bits(std::string_view weight, const strata::Config* options,
                       const Tensors& tensors, int bits) {
  constexpr std::string_view path = "bits|w_bit";
  if (!options || has_exceptions(options) || !options->has(path)) return;
  if (const auto named = options->i64(path); named != bits)
    throw contradicted(
        weight, "its " + facts_of(*tensors.codes) + " are of " + std::to_string(bits) + " bits",
        *options, path);
}

}  // namespace transposed
