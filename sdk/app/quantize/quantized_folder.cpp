#include "app/quantize/quantized_folder.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "app/quantize/compressed_tensors.hpp"
#include "app/quantize/linear_tensors.hpp"
#include "app/quantize/quantized_writer.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/output.hpp"
#include "core/source/quantization.hpp"
#include "core/source/safetensors.hpp"

namespace strata::app {
namespace {

// A tensor of the checkpoint and the tensors that it becomes.
struct Planned {
  const source::Tensor* from = nullptr;
  std::vector<source::Tensor> to;
  std::string weight;  // the family's name of a quantized one; empty: it stays dense
};

using Shard = std::vector<Planned>;

std::uint64_t bytes_of(const Planned& one) {
  std::uint64_t out = 0;
  for (const auto& tensor : one.to) out += tensor.stored.bytes;
  return out;
}

// The group size to recommend for these columns; 0: none.
std::int64_t group_for(std::int64_t columns) {
  for (const auto group : {128, 64, 32})
    if (columns % group == 0) return group;
  return 0;
}

void require_whole_groups(const source::Tensor& tensor, const CompressedScheme& scheme) {
  const auto columns = tensor.shape[1];
  if (scheme.group == 0 || columns % scheme.group == 0) return;
  const auto other = group_for(columns);
  throw Error("tensor '" + printable(tensor.name) + "'",
              "its " + std::to_string(columns) + " columns are not whole groups of " +
                  std::to_string(scheme.group),
              other > 0 && other != scheme.group
                  ? "give --quant-group-size " + std::to_string(other)
                  : "give --quant int8 or fp8 without a group size");
}

void require_plain(const source::Checkpoint& checkpoint) {
  if (const auto form = source::quantization_of(checkpoint); !form.empty())
    source::refuse_quantization(checkpoint, form);
  const bool gguf = checkpoint.kind() == source::Kind::gguf;
  for (const auto& tensor : checkpoint.tensors())
    if (gguf || !tensor.steps.empty())
      throw Error(checkpoint.path(), "its tensors do not lie as a Hugging Face folder has them",
                  "import the model first, and quantize the folder");
    else if (!tensor.stored.dense())
      throw Error(checkpoint.path(), "tensor '" + printable(tensor.name) + "' is quantized already",
                  "give the model unquantized");
}

std::vector<Planned> plan(const source::Checkpoint& checkpoint, const LinearTensors& linear,
                          const CompressedScheme& scheme) {
  std::vector<Planned> out;
  for (const auto& tensor : checkpoint.tensors()) {
    Planned one;
    one.from = &tensor;
    if (const auto found = linear.quantized.find(tensor.name); found != linear.quantized.end()) {
      require_whole_groups(tensor, scheme);
      one.weight = found->second;
      one.to = compressed_tensors(scheme, tensor.name, tensor.shape[0], tensor.shape[1],
                                  scale_dtype(tensor));
    } else {
      one.to = {tensor};
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Shard> shards_of(std::vector<Planned> planned, std::uint64_t most) {
  std::vector<Shard> out(1);
  std::uint64_t held = 0;
  for (auto& one : planned) {
    const auto bytes = bytes_of(one);
    if (!out.back().empty() && (bytes > most || held > most - bytes)) {
      out.emplace_back();
      held = 0;
    }
    held += bytes;
    out.back().push_back(std::move(one));
  }
  return out;
}

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

void write_shard(const Shard& shard, const std::string& path, QuantizedWriter& writer,
                 const QuantizedFolderOptions& options,
                 const std::function<void(const source::Tensor&)>& done) {
  std::vector<source::Tensor> tensors;
  for (const auto& one : shard) tensors.insert(tensors.end(), one.to.begin(), one.to.end());
  source::OutputFile file(path);
  const auto header = source::safetensors_header(tensors);
  file.write(0, header);
  std::uint64_t at = header.size();
  for (const auto& one : shard) {
    if (one.weight.empty())
      writer.copy(*one.from, file, at);
    else
      writer.quantize(*one.from,
                      options.importance ? options.importance(one.weight) : std::vector<float>(),
                      one.to, file, at);
    at += bytes_of(one);
    done(*one.from);
  }
  file.finish();
}

void write_text(const std::string& path, std::string_view bytes) {
  source::OutputFile file(path);
  file.write(0, bytes);
  file.finish();
}

std::string text_of(const Json& object) {
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string config_of(const source::Checkpoint& checkpoint, const CompressedScheme& scheme,
                      const std::vector<std::string>& ignored) {
  auto config = parse_settings(checkpoint.config(), checkpoint.config_name());
  config.erase("compression_config");
  config["quantization_config"] = compressed_config(scheme, ignored);
  return text_of(config);
}

std::string index_of(const std::vector<Shard>& shards, std::uint64_t bytes) {
  auto map = Json::object();
  for (std::size_t i = 0; i < shards.size(); ++i)
    for (const auto& one : shards[i])
      for (const auto& tensor : one.to) map[tensor.name] = shard_name(i, shards.size());
  return text_of({{"metadata", {{"total_size", bytes}}}, {"weight_map", std::move(map)}});
}

}  // namespace

QuantizedFolder write_quantized_folder(const run::Model& model, const std::string& folder,
                                       const QuantizedFolderOptions& options) {
  const auto& checkpoint = *model.checkpoint;
  require_plain(checkpoint);
  auto linear = linear_tensors(model);
  if (linear.quantized.empty())
    throw Error(checkpoint.path(),
                "none of its matrices is the weight of a linear module, [out,in]",
                "use the model as it is");
  QuantizedFolder result{.weights = linear.quantized.size()};
  auto planned = plan(checkpoint, linear, options.scheme);
  std::uint64_t total = 0;
  for (const auto& one : planned) {
    total += one.from->stored.bytes;
    result.written += bytes_of(one);
  }
  const auto shards = shards_of(std::move(planned), options.shard_bytes);
  source::OutputFolder out(folder);
  write_text(out.file("config.json"), config_of(checkpoint, options.scheme, linear.ignored));
  for (const auto& extra : options.extra) write_text(out.file(extra.name), extra.bytes);
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  QuantizedWriter writer(checkpoint, options.scheme, options.threads > 0 ? options.threads : cores);
  for (std::size_t i = 0; i < shards.size(); ++i)
    write_shard(shards[i], out.file(shard_name(i, shards.size())), writer, options,
                [&](const source::Tensor& tensor) {
                  result.read += tensor.stored.bytes;
                  if (options.progress) options.progress(result.read, total);
                });
  if (shards.size() > 1)
    write_text(out.file("model.safetensors.index.json"), index_of(shards, result.written));
  out.appear();
  result.ignored = std::move(linear.ignored);
  return result;
}

}  // namespace strata::app
