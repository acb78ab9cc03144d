#include "kernels/groups.hpp"

#include <algorithm>

#include "kernels/activations.hpp"
#include "kernels/group_activations.hpp"
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

// The workspace holds tokens in the order of chunks, as float32 or as GroupActivations.
int64_t token_bytes(const GroupColumns& at, bool rounded) {
  if (rounded) return GroupActivations::Bytes(at).token;
  return at.total() * chunk * static_cast<int64_t>(sizeof(float));
}

// Brings a token into the order of chunks, group by group: f(g, c, values) takes the chunk c of the
// row, which belongs to the group g.
template <class F>
void each_chunk(const Input& in, const GroupColumns& at, int64_t t, F f) {
  for (int64_t g = 0; g < at.groups; ++g) {
    const int64_t length = at.length(g);
    int64_t c = g * at.chunks;
    for (int64_t first = 0; first < length; first += chunk, ++c) {
      float values[chunk] = {}, ordered[chunk];
      in.read(t, g * at.group + first, std::min(chunk, length - first), values);
      if (!at.four_bits) {
        f(g, c, values);
        continue;
      }
      for (int64_t i = 0; i < chunk / 2; ++i) {
        ordered[i] = values[2 * i];
        ordered[chunk / 2 + i] = values[2 * i + 1];
      }
      f(g, c, ordered);
    }
  }
}

void read_token(const Input& in, const GroupColumns& at, int64_t t, float* to) {
  each_chunk(in, at, t, [&](int64_t, int64_t c, const float* values) {
    std::copy_n(values, chunk, to + c * chunk);
  });
}

void round_token(const Input& in, const GroupColumns& at, int64_t t, GroupActivations to) {
  std::fill(to.sums, to.end, 0.0F);
  each_chunk(in, at, t, [&](int64_t g, int64_t c, const float* values) {
    const auto [scale, sum] = round_activations(values, to.codes + c * chunk);
    to.scales[c] = scale;
    to.sums[g] += sum;
  });
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
  return static_cast<std::size_t>(tokens * token_bytes(at, rounds(of.form, products))) + alignment;
}

void linear(const GroupLinear& of, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte* workspace, Run run,
            Products products) {
  const GroupShare all{of.parts, tokens};
  linear_grouped(of.form, of.rows, of.columns, &all, 1, x, x_dtype, ldx, y, y_dtype, ldy, workspace,
                 run, products);
}

void linear_grouped(const GroupForm& form, int64_t rows, int64_t columns, const GroupShare* shares,
                    int64_t count, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
                    strata_dtype y_dtype, int64_t ldy, std::byte* workspace, Run run,
                    Products products) {
  const int64_t tokens = count > 0 ? shares[count - 1].end : 0;
  if (tokens <= 0 || rows <= 0) return;
  const Input in{x, x_dtype.code == STRATA_BFLOAT, ldx, columns};
  const Output out{y, y_dtype.code == STRATA_BFLOAT, ldy};
  const GroupColumns at(form, columns);
  const int64_t ld = at.total() * chunk, panels = (rows + panel_rows - 1) / panel_rows;
  // Calls f(panel, its first token) for each panel of each weight.
  const auto multiply = [&](auto f) {
    spread(run, count * panels, [&](int64_t item) {
      const auto share = item / panels;
      const int64_t begin = share == 0 ? 0 : shares[share - 1].end;
      const int64_t first = item % panels * panel_rows;
      if (shares[share].end == begin) return;
      f(GroupPanel{{form, shares[share].parts, rows, columns},
                   at,
                   first,
                   std::min<int64_t>(panel_rows, rows - first),
                   ld,
                   shares[share].end - begin,
                   out.from(begin)},
        begin);
    });
  };
  if (rounds(form, products)) {
    std::byte* const space = aligned(workspace);
    const GroupActivations::Bytes bytes(at);
    spread(run, tokens, [&](int64_t t) {
      round_token(in, at, t, {space + t * bytes.token, bytes});
    });
    multiply([&](const GroupPanel& panel, int64_t begin) {
      multiply_groups_fast(panel, space + begin * bytes.token);
    });
    return;
  }
  auto* const space = reinterpret_cast<float*>(aligned(workspace));
  spread(run, tokens, [&](int64_t t) { read_token(in, at, t, space + t * ld); });
  multiply([&](const GroupPanel& panel, int64_t begin) {
    multiply_groups_exact(panel, space + begin * ld, ld);
  });
}

}  // namespace strata::kernels
