#include "core/run/initial_weights.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <set>
#include <thread>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/optim/workers.hpp"
#include "core/run/sampler.hpp"
#include "core/source/elements.hpp"
#include "core/source/source_map.hpp"

namespace strata::run {
namespace {

enum class Draw { zeros, ones, normal, uniform };

// Two numbers of the standard normal distribution, by Box and Muller.
std::array<double, 2> normal_pair(std::uint64_t seed, std::uint64_t key, std::uint64_t pair) {
  const auto far = std::sqrt(-2 * std::log(1 - uniform(seed, key, 2 * pair)));
  const auto angle = 2 * std::numbers::pi * uniform(seed, key, 2 * pair + 1);
  return {far * std::cos(angle), far * std::sin(angle)};
}

struct Filler {
  Draw draw;
  double spread;
  std::uint64_t seed, key;
  strata_dtype dtype;
  std::shared_ptr<optim::Workers> workers;

  void operator()(std::uint64_t first, std::span<std::byte> out) const {
    constexpr std::uint64_t grain = 1u << 16;  // elements
    const uint64_t width = element_bytes(dtype);
    workers->run(out.size() / width, grain, [&](std::uint64_t from, std::uint64_t count) {
      fill(first + from, out.subspan(from * width, count * width));
    });
  }

  void fill(std::uint64_t first, std::span<std::byte> out) const {
    const uint64_t width = element_bytes(dtype);
    std::array<double, 2> pair{};
    for (std::uint64_t i = 0; i * width < out.size(); ++i) {
      const auto at = first + i;
      double value = draw == Draw::ones ? 1 : 0;
      if (draw == Draw::uniform) value = spread * (2 * uniform(seed, key, at) - 1);
      if (draw == Draw::normal) {
        if (i == 0 || at % 2 == 0) pair = normal_pair(seed, key, at / 2);
        value = spread * pair[at % 2];
      }
      // Every dtype gets the number rounded to float32 first.
      source::set_element(dtype, out.data() + i * width, static_cast<float>(value));
    }
  }
};

Draw draw_of(const plugin::DeclaredWeight& weight) {
  if (weight.name == plugin::value_head) return Draw::uniform;
  if (weight.name.ends_with(".bias")) return Draw::zeros;
  const bool norm = weight.shape.size() == 1 || weight.name.find("norm") != std::string::npos;
  return norm ? Draw::ones : Draw::normal;
}

source::MadeTensor made(const Model& model, const plugin::DeclaredWeight& weight,
                        const std::string& name, std::uint64_t seed,
                        const std::shared_ptr<optim::Workers>& workers) {
  constexpr double usual = 0.02;
  const auto dtype = model.dtype();
  const auto draw = draw_of(weight);
  const auto range = model.config->f64("initializer_range|init_std", &usual);
  if (!(range >= 0 && range < 1e4))
    throw Error(model.config->name(), "initializer_range is out of range", "give 0.02");
  const auto spread =
      draw == Draw::uniform ? 1 / std::sqrt(static_cast<double>(weight.shape.back())) : range;
  source::MadeTensor out;
  out.tensor.name = name;
  out.tensor.shape = weight.shape;
  const bool of_all = weight.experts > 0 && !weight.also.empty();  // in_out is about that tensor
  if (weight.in_out && !of_all) std::ranges::reverse(out.tensor.shape);
  out.tensor.stored = source::dense_form(dtype, out.tensor.shape);
  out.fill = Filler{draw, spread, seed, key_of(name), dtype, workers};
  return out;
}

std::shared_ptr<optim::Workers> open_workers(std::uint32_t threads) {
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  return std::make_shared<optim::Workers>(threads > 0 ? threads : cores);
}

}  // namespace

// FNV-1a.
std::uint64_t key_of(std::string_view name) {
  std::uint64_t out = 0xcbf29ce484222325;
  for (const char c : name) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return out;
}

double normal(std::uint64_t seed, std::uint64_t key, std::uint64_t element) {
  return normal_pair(seed, key, element / 2)[element % 2];
}

std::vector<source::MadeTensor> initial_weights(const Model& model, std::uint64_t seed,
                                                std::uint32_t threads) {
  const auto workers = open_workers(threads);
  std::vector<source::MadeTensor> out;
  std::set<std::string> seen;  // a tied head is its table
  for (const auto& unit : model.family->units())
    for (const auto& weight : unit.weights) {
      if (!seen.insert(weight.name).second) continue;
      if (weight.experts == 0) out.push_back(made(model, weight, weight.name, seed, workers));
      for (std::uint32_t e = 0; e < weight.experts; ++e)
        out.push_back(made(model, weight, source::numbered(weight.name, e), seed, workers));
    }
  return out;
}

source::MadeTensor initial_value_head(const Model& model, std::uint64_t seed) {
  for (const auto& weight : model.family->units().back().weights)
    if (weight.name == plugin::value_head)
      return made(model, weight, weight.name, seed, open_workers(1));
  throw Error(model.path, "is no critic", "add --critic");
}

void add_value_head(Model& critic, std::uint64_t seed) {
  auto& checkpoint = *critic.checkpoint;
  if (!source::find_spelled(checkpoint, std::string(plugin::value_head)))
    checkpoint = checkpoint.with_made({initial_value_head(critic, seed)});
}

}  // namespace strata::run
