#include <optional>

#include "app/calibrate.hpp"
#include "app/extra_files.hpp"
#include "app/open_model.hpp"
#include "app/open_tokenizer.hpp"
#include "app/output_place.hpp"
#include "app/quantize/quantized_folder.hpp"
#include "app/text_file.hpp"
#include "app/write_result.hpp"
#include "core/error.hpp"
#include "core/size_text.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/opening.hpp"
#include "host/options/output_option.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"

namespace strata::host {
namespace {

struct QuantizeOptions : ModelCommand {
  std::string output;
  std::string quant;                              // int4, int8 or fp8
  std::int64_t group_size = 0;                    // 0: 64 for int4, else a whole row
  bool symmetric = true;                          // false: with zero points
  std::optional<std::uint64_t> max_shard_size{};  // bytes; empty: 5 GB
  std::string calibrate;                          // a text file; empty: all columns are equal
  app::RunOptions run;                            // of the calibration; threads also quantize
};

void options(cli::Table& table, QuantizeOptions& o) {
  add_model(table, o);
  add_output(table, o.output);
  table.push_back({.name = "quant",
                   .key = "quantize.quant",
                   .field = &o.quant,
                   .value = "int4|int8|fp8",
                   .help = "number format of the weights; fp8 is E4M3",
                   .unset = "none: it must be given",
                   .closed = true});
  table.push_back({"quant-group-size", "quantize.group_size", &o.group_size, "N",
                   "neighbors in a row that share a scale, a multiple of 8; they must divide every "
                   "row (vLLM's kernels take 32, 64 or 128)",
                   "64 for int4, a whole row for int8 and fp8", 32, 256});
  table.push_back({.name = "quant-symmetric",
                   .key = "quantize.symmetric",
                   .field = &o.symmetric,
                   .value = cli::on_off,
                   .help = "off: each group has a zero point too, which transformers reads only "
                           "with CompressedTensorsConfig(dequantize=True)"});
  table.push_back({"max-shard-size", "quantize.max_shard_size", &o.max_shard_size, "SIZE",
                   "the most bytes of tensors in one file", "5 GB", 1});
  table.push_back({"calibrate", "quantize.calibrate", &o.calibrate, "FILE",
                   "UTF-8 text that the model reads first: the columns of a weight then count as "
                   "much as the mean square of what they are multiplied with",
                   "none: all columns count alike"});
  add_device(table, o.run);
  add_memory(table, o.run);
  table.push_back(
      {"threads", "quantize.threads", &o.run.threads, "N", "CPU threads", "all cores", 1, 4096});
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const QuantizeOptions& o) {
  cli::require(!o.model.empty(), "MODEL", "give the folder of the model to quantize");
  cli::require(!o.output.empty(), "--output", "give the folder to write");
  cli::require(!o.quant.empty(), "--quant", "give int4, int8 or fp8");
  if (o.max_shard_size == 0)
    throw UsageError("--max-shard-size", "a file holds at least a byte", "give more, as 5GB");
  if (o.group_size % 8 != 0)
    throw UsageError("--quant-group-size", std::to_string(o.group_size) + " is no multiple of 8",
                     "give 32, 64 or 128");
  if (o.quant == "fp8" && o.group_size > 0)
    throw UsageError("--quant-group-size", "not with --quant fp8, which has one scale for a row",
                     "leave it out");
  if (o.quant == "fp8" && !o.calibrate.empty())
    throw UsageError("--calibrate", "not with --quant fp8, whose scales are those of the range",
                     "leave it out");
  if (o.quant == "fp8" && !o.symmetric)
    throw UsageError("--quant-symmetric off", "not with --quant fp8, which has no zero points",
                     "leave it out");
}

app::CompressedScheme scheme_of(const QuantizeOptions& o) {
  using Codes = app::CompressedScheme::Codes;
  app::CompressedScheme out{.group = o.group_size, .symmetric = o.symmetric};
  out.codes = o.quant == "int4" ? Codes::int4 : o.quant == "int8" ? Codes::int8 : Codes::fp8;
  if (out.codes == Codes::int4 && out.group == 0) out.group = 64;
  return out;
}

// The inputs of the model's products over the text, and the number of its tokens.
struct Calibration {
  run::InputSquares squares;
  std::size_t tokens = 0;
};

Calibration read_text(const QuantizeOptions& settings, const run::Model& model,
                      app::Plugins& plugins) {
  const auto tokenizer = app::open_tokenizer(*model.checkpoint, plugins.log());
  const auto ids = tokenizer.encode(app::read_text_file(settings.calibrate), false);
  if (ids.empty()) throw Error(settings.calibrate, "has no tokens", "give a longer text");
  Progress progress("calibrate", "tokens");
  Calibration out;
  out.squares = app::calibrate(settings.run, model, ids, plugins,
                               [&](auto done, auto all) { progress.at(done, all); });
  out.tokens = ids.size();
  progress.end();
  return out;
}

void quantize(const QuantizeOptions& settings) {
  auto plugins = open_plugins(settings);
  app::need_folder_place(settings.output);
  auto model = open_model(settings, plugins);
  app::leave_out_unused(model, model_options(settings), plugins);
  app::QuantizedFolderOptions options{.scheme = scheme_of(settings)};
  if (settings.max_shard_size) options.shard_bytes = *settings.max_shard_size;
  options.threads = static_cast<std::uint32_t>(settings.run.threads);
  const bool calibrates = !settings.calibrate.empty();
  Calibration calibration;
  std::uint64_t calibrated = 0;
  if (calibrates) {
    calibration = read_text(settings, model, plugins);
    options.importance = [&](const std::string& weight) {
      auto out = app::importance_of(calibration.squares, weight);
      if (!out.empty()) ++calibrated;
      return out;
    };
  }
  options.extra = app::extra_files(*model.checkpoint, plugins.log());
  Progress progress("quantize", "bytes");
  options.progress = [&](uint64_t done, uint64_t all) { progress.at(done, all); };
  app::QuantizedFolder made;
  app::write_result(settings.output, "config.json", [&](const std::string& folder) {
    made = app::write_quantized_folder(model, folder, options);
  });
  progress.end();
  if (settings.json) {
    nlohmann::json out{{"output", settings.output},
                       {"quantized_weights", made.weights},
                       {"ignored", made.ignored},
                       {"bytes_before", made.read},
                       {"bytes_after", made.written}};
    if (calibrates) {
      out["calibration_tokens"] = calibration.tokens;
      out["calibrated_weights"] = calibrated;
    }
    return print_json(out);
  }
  plugins.log().line(STRATA_INFO, std::to_string(made.weights) + " weights quantized, " +
                                      size_text(made.read) + " before, " + size_text(made.written) +
                                      " after");
  if (calibrated < made.weights && calibrates)
    plugins.log().line(STRATA_WARN,
                       std::to_string(made.weights - calibrated) +
                           " of them are not calibrated: the text reaches no product with them");
}

}  // namespace

const cli::Command quantize_command{
    "quantize", "MODEL --output DIR --quant NAME [options]",
    "write a quantized copy of a model, a folder that transformers and vLLM load",
    cli::make_call<QuantizeOptions, options, check, quantize>, "model"};

}  // namespace strata::host
