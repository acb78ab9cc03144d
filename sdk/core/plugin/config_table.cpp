#include "core/plugin/config_table.hpp"

#include "core/plugin/words.hpp"

namespace strata::plugin {
namespace {

std::string_view view(strata_str text) { return {text.p, static_cast<std::size_t>(text.n)}; }
strata_str str(std::string_view text) { return {text.data(), text.size()}; }

// Runs `read` and gives its value to `out`, which stays untouched on an error.
template <class Out, class Read>
strata_status give(Out* out, Read read) noexcept {
  try {
    *out = read();
    return STRATA_OK;
  } catch (...) {
    return report_exception();
  }
}

// Throws for a key that is null and must not be.
const source::Config& asked(const strata_config* config, strata_str path) {
  if (config->null_keys) config->values->refuse_null(view(path), *config->null_keys);
  return *config->values;
}

strata_str raw(const strata_config* config) { return str(config->values->raw()); }

std::uint64_t count(const strata_config* config, strata_str path) {
  std::uint64_t out = 0;
  give(&out, [&] { return config->values->count(view(path)); });
  return out;
}

strata_status i64(const strata_config* config, strata_str path, const std::int64_t* fallback,
                  std::int64_t* out) {
  return give(out, [&] { return asked(config, path).i64(view(path), fallback); });
}

strata_status f64(const strata_config* config, strata_str path, const double* fallback,
                  double* out) {
  return give(out, [&] { return asked(config, path).f64(view(path), fallback); });
}

strata_status text(const strata_config* config, strata_str path, const strata_str* fallback,
                   strata_str* out) {
  return give(out, [&] {
    const auto given = fallback ? view(*fallback) : std::string_view();
    return str(asked(config, path).text(view(path), fallback ? &given : nullptr));
  });
}

strata_status rope(const strata_config* config, strata_str path, strata_op_rope* inout) {
  try {
    config->values->rope(view(path), *inout);
    return STRATA_OK;
  } catch (...) {
    return plugin::report_exception();
  }
}

constexpr strata_host_config table{
    {sizeof(strata_host_config), 0}, raw, count, i64, f64, text, rope};

}  // namespace

const strata_host_config* config_table() { return &table; }

}  // namespace strata::plugin
