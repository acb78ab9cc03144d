// The options of the schemes, which come as a JSON object.
#pragma once
#include <strata/quant.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/groups.hpp"

namespace rtn {

constexpr int64_t least_group = 32, most_group = 256, group_step = 8, usual_group = 64;

inline strata::Failure refused(std::string_view scheme, const std::string& what) {
  return {STRATA_INVALID, std::string(scheme) + ": " + what};
}

// Whether the codec has the scheme.
inline bool known(std::string_view scheme) {
  return scheme == "int4" || scheme == "int8" || scheme == "nf4" || scheme == "fp8";
}

// The keys of an object in valid JSON, without those of the objects in it.
inline std::vector<std::string_view> keys_of(std::string_view json) {
  std::vector<std::string_view> out;
  int depth = 0;
  bool key = false;  // a string that begins here is a key
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '{' || c == '[') {
      key = ++depth == 1;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',') {
      key = depth == 1;
    } else if (c == '"') {
      const auto begin = ++i;
      while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
      if (key) out.push_back(json.substr(begin, i - begin));
      key = false;
    }
  }
  return out;
}

// The elements of a group: "group_size", 64 unless it is given.
inline int64_t group_size(std::string_view scheme, const strata::Config& options) {
  const auto size = options.i64("group_size", usual_group);
  if (size < least_group || size > most_group || size % group_step != 0)
    throw refused(scheme, "group_size " + std::to_string(size) + " is not supported: use " +
                              std::to_string(least_group) + " to " + std::to_string(most_group) +
                              ", a multiple of " + std::to_string(group_step));
  return size;
}

// "symmetric", or what counts where it is not given.
inline bool symmetric(std::string_view scheme, const strata::Config& options, bool otherwise) {
  const auto value = options.i64("symmetric", otherwise ? 1 : 0);
  if (value != 0 && value != 1)
    throw refused(scheme,
                  "symmetric " + std::to_string(value) + " is no flag: write true or false");
  return value == 1;
}

// The form of a scheme with these options, which may be null. Throws for a scheme that is none of
// the plugin's, and for an option that the scheme does not have.
inline strata::kernels::GroupForm form_of(std::string_view scheme, const strata::Config* options) {
  using strata::kernels::Code, strata::kernels::Zero;
  constexpr strata_dtype float32{STRATA_FLOAT, 32, 1};
  if (!known(scheme))
    throw refused(scheme, "no scheme of this codec: it knows int4, int8, nf4, fp8");
  if (options)
    for (const auto key : keys_of(options->raw()))
      if (key != "group_size" && key != "symmetric")
        throw refused(scheme, "option '" + std::string(key.substr(0, 64)) +
                                  "' is unknown: it has group_size and symmetric");
  const bool fp8 = scheme == "fp8", centered = fp8 || scheme == "nf4";
  const bool is_symmetric = options ? symmetric(scheme, *options, centered) : centered;
  if (centered && !is_symmetric) throw refused(scheme, "it is symmetric: leave symmetric out");
  if (fp8) {
    if (options && options->has("group_size"))
      throw refused(scheme, "it has one scale for each row: leave group_size out");
    constexpr int64_t whole_row = 1 << 30;
    return {Code::e4m3, Zero::none, float32, whole_row};
  }
  const auto code = scheme == "int4" ? Code::int4 : scheme == "nf4" ? Code::nf4 : Code::int8;
  return {code, is_symmetric ? Zero::none : Zero::number, float32,
          options ? group_size(scheme, *options) : usual_group};
}

}  // namespace rtn
