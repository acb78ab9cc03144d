// gradients OUT.safetensors -- OPTIONS: the gradient of every parameter in float64 for the first
// prompt, each token predicting the next one, and the loss on stdout. The gradient of a shared
// weight is the sum over its units.
#include <cstring>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/run/training_step.hpp"
#include "core/source/output.hpp"
#include "tests/proofs/proof.hpp"

namespace {

using namespace strata;

struct Gradient {
  std::vector<int64_t> shape;
  std::vector<double> values;
};
using Gradients = std::map<std::string, Gradient>;

void add(Gradients& all, const run::Model& model, const zero::Unit& unit, const std::byte* from) {
  for (const auto& weight : unit.weights) {
    auto& sum = all[weight.name];
    if (sum.shape.empty()) {
      sum.shape = model.tensors->at(weight.name).shape;
      std::size_t elements = 1;
      for (const auto n : sum.shape) elements *= static_cast<std::size_t>(n);
      sum.values.resize(elements);
    }
    std::vector<double> part(weight.run.bytes / sizeof(double));
    std::memcpy(part.data(), from + weight.run.at, weight.run.bytes);
    const auto first =
        weight.role == STRATA_HEAD ? static_cast<std::size_t>(unit.first_row * sum.shape.at(1)) : 0;
    for (std::size_t i = 0; i < part.size(); ++i) sum.values.at(first + i) += part[i];
  }
}

void write(const std::string& path, const Gradients& all) {
  nlohmann::json header;
  std::string bytes;
  for (const auto& [name, gradient] : all) {
    const auto begin = bytes.size();
    bytes.append(reinterpret_cast<const char*>(gradient.values.data()),
                 gradient.values.size() * sizeof(double));
    header[name] = {
        {"dtype", "F64"}, {"shape", gradient.shape}, {"data_offsets", {begin, bytes.size()}}};
  }
  const auto text = header.dump();
  const uint64_t length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  source::write_whole(path, out + text + bytes);
}

void gradients(const proof::Arguments& arguments) {
  proof::Prepared prepared(arguments.generate());
  auto& wish = prepared.planned.wish;
  wish.dtype = {STRATA_FLOAT, 64, 1};
  wish.mode = zero::Mode::backward;
  wish.tokens = 0;  // no cache: a recorded pass sees its own keys
  wish.all_logits = true;
  prepared.prepare_again();
  auto parts = prepared.parts();
  parts.compute.recording = true;
  run::Session session(std::move(parts));
  run::TrainingStep step(session);

  const auto& ids = arguments.generate().input_ids.at(0);
  const auto length = static_cast<uint32_t>(ids.size());
  std::vector<uint32_t> wanted;
  std::vector<int64_t> targets;
  for (uint32_t i = 0; i + 1 < length; ++i) wanted.push_back(i), targets.push_back(ids[i + 1]);
  const std::vector<run::Sequence> sequences{{0, 0, length, length}};
  // Runs two steps: the second one must not be affected by the first.
  double loss = 0;
  Gradients all;
  for (int n = 0; n < 2; ++n) {
    all.clear();
    loss = step.run({ids, sequences, wanted}, targets, [&](uint32_t unit, const std::byte* from) {
      add(all, prepared.model, session.prepared().units.at(unit), from);
    });
  }
  write(arguments.own.at(0), all);
  const auto& units = session.prepared().units;
  std::cout << nlohmann::json{{"loss", loss},
                              {"units", units.size()},
                              {"arena", session.prepared().arena_bytes}}
            << "\n";
}

}  // namespace

int main(int argc, char** argv) { return proof::run(argc, argv, gradients); }
