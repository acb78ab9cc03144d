#include "kernels/groups.hpp"

#include <algorithm>

#include "kernels/activations.hpp"
#include "kernels/group_columns.hpp"
#include "kernels/group_panel.hpp"
#include "kernels/input.hpp"
#include "kernels/spread.hpp"

namespace strata::kernels {

namespace {

bool is_integer(Code code) { return code == Code::int4 || code == Code::int8; }

bool rounds(const GroupForm& form, Products products) {
  return products == Products::fast && has_fast(form);
}

// The workspace holds tokens in the order of chunks, as float32 or as Activations.
int64_t activations(const GroupColumns& at) {
  return (at.total() * chunk + Activations::elements - 1) / Activations::elements;
}
std::size_t token_bytes(const GroupColumns& at, bool rounded) {
  if (rounded) return static_cast<std::size_t>(activations(at)) * sizeof(Activations);
  return static_cast<std::size_t>(at.total() * chunk) * sizeof(float);
}

// Brings the chunk c of a token into its order.
void read_chunk(const Input& in, const GroupColumns& at, int64_t t, int64_t c, float* to) {
  const int64_t g = c / at.chunks, first = c % at.chunks * chunk;
  const int64_t count = std::min(chunk, at.length(g) - first);
  float values[chunk] = {};
  in.read(t, g * at.group + first, count, values);
  for (int64_t i = 0; i < chunk; ++i) to[i] = values[at.element(i)];
}

void read_token(const Input& in, const GroupColumns& at, int64_t t, float* to) {
  for (int64_t c = 0; c < at.total(); ++c) read_chunk(in, at, t, c, to + c * chunk);
}

void round_token(const Input& in, const GroupColumns& at, int64_t t, Offsets offsets,
                 Activations* to) {
  constexpr int64_t some = Activations::elements / chunk;
  float values[Activations::elements];
  for (int64_t c = 0; c < at.total(); c += some, ++to) {
    const int64_t chunks = std::min(some, at.total() - c);
    for (int64_t i = 0; i < chunks; ++i) read_chunk(in, at, t, c + i, values + i * chunk);
    round_activations(values, chunks * chunk, offsets, to);
  }
}

}  // namespace

bool valid(const GroupForm& form) {
  const auto [code, bits, lanes] = form.scale;
  const bool scale = lanes == 1 && ((code == STRATA_FLOAT && (bits == 32 || bits == 16)) ||
                                    (code == STRATA_BFLOAT && bits == 16));
  return scale && form.group > 0 && form.group % 2 == 0 &&
         (is_integer(form.code) || form.zero == Zero::none);
}

int64_t codes_in(const GroupForm& form, int64_t columns) {
  return GroupColumns(form, columns).bytes(columns);
}

int64_t groups_in(const GroupForm& form, int64_t columns) {
  return GroupColumns(form, columns).groups;
}

bool can(const GroupForm& form, int64_t columns) { return valid(form) && columns > 0; }

bool has_fast(const GroupForm& form) {
  return (is_integer(form.code) || form.code == Code::e2m1) && can_multiply_fast();
}

std::size_t workspace(const GroupLinear& of, int64_t tokens, Products products) {
  const GroupColumns at(of.form, of.columns);
  return static_cast<std::size_t>(tokens) * token_bytes(at, rounds(of.form, products)) + alignment;
}

void linear(const GroupLinear& of, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte* workspace, Run run,
            Products products) {
  if (tokens <= 0 || of.rows <= 0) return;
  const Input in{x, x_dtype.code == STRATA_BFLOAT, ldx, of.columns};
  const GroupColumns at(of.form, of.columns);
  const int64_t panels = (of.rows + panel_rows - 1) / panel_rows;
  const auto panel = [&](int64_t i) {
    const int64_t first = i * panel_rows;
    return GroupPanel{of,
                      at,
                      first,
                      std::min(panel_rows, of.rows - first),
                      at.total() * chunk,
                      tokens,
                      {y, y_dtype.code == STRATA_BFLOAT, ldy}};
  };
  if (rounds(of.form, products)) {
    auto* const space = reinterpret_cast<Activations*>(aligned(workspace));
    const int64_t ld = activations(at);
    const auto offsets = offsets_of(of.form);
    spread(run, tokens, [&](int64_t t) { round_token(in, at, t, offsets, space + t * ld); });
    spread(run, panels, [&](int64_t i) { multiply_groups_fast(panel(i), space, ld); });
    return;
  }
  auto* const space = reinterpret_cast<float*>(aligned(workspace));
  const int64_t ld = at.total() * chunk;
  spread(run, tokens, [&](int64_t t) { read_token(in, at, t, space + t * ld); });
  spread(run, panels, [&](int64_t i) { multiply_groups_exact(panel(i), space, ld); });
}

}  // namespace strata::kernels
