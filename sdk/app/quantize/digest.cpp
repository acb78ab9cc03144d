#include "app/quantize/digest.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t format_version = 1;

void add_tensor(data::Digest& digest, const source::Tensor& tensor) {
  digest.add_text(tensor.name);
  for (const auto length : tensor.shape) digest.add(static_cast<std::uint64_t>(length));
  for (const auto& form : source::forms(tensor)) {
    digest.add_text(source::form_name(form.stored));
    for (const auto& part : form.stored.parts) {
      digest.add(part.file.file);
      digest.add(part.file.offset);
      digest.add(part.file.bytes);
    }
  }
}

}  // namespace

std::string quant_digest(const run::Model& model, const QuantRules& rules, const Plugins& plugins) {
  data::Digest digest;
  digest.add(format_version);
  for (const auto& one : plugins.report())
    if (one["kind"] == "model" || one["kind"] == "quant") digest.add_text(one.dump());
  digest.add_text(rules.text());
  digest.add_text(model.config->root().dump(-1, ' ', false, Json::error_handler_t::replace));
  for (const auto& file : model.checkpoint->files()) {
    struct stat about {};
    if (::fstat(file->descriptor(), &about) != 0)
      throw Error(file->path(), "its time of change cannot be read", "check the disk");
    digest.add_text(std::filesystem::path(file->path()).filename().string());
    digest.add(static_cast<std::uint64_t>(about.st_size));
    digest.add(static_cast<std::uint64_t>(about.st_mtim.tv_sec));
    digest.add(static_cast<std::uint64_t>(about.st_mtim.tv_nsec));
  }
  for (const auto& tensor : model.checkpoint->tensors()) add_tensor(digest, tensor);
  return digest.hex();
}

}  // namespace strata::app
