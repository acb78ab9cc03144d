#include "app/finetune/room.hpp"

#include <cstdint>
#include <filesystem>

#include "app/finetune/save_model.hpp"
#include "core/error.hpp"
#include "core/size_text.hpp"
#include "core/source/import.hpp"

namespace strata::app {
namespace {

std::uint64_t written_bytes(const FinetuneOptions& options, const run::Model& model,
                            const train::TrainingPlan& plan) {
  if (options.lora.rank == 0 || options.lora.merge)
    return source::imported_bytes(*model.checkpoint, {.dtype = written_dtype(options, model)});
  std::uint64_t elements = 0;
  for (const auto& piece : plan.flats[plan.product_unit].pieces) elements += piece.count;
  return elements * sizeof(float);
}

}  // namespace

void need_room(const FinetuneOptions& options, const run::Model& model,
               const train::TrainingPlan& plan) {
  std::error_code error;
  const auto room = std::filesystem::space(options.output, error);
  if (error || room.capacity == 0) return;  // the file system does not say
  const auto bytes = written_bytes(options, model, plan);
  if (room.available < bytes)
    throw Error(printable(options.output),
                "what is trained will need " + size_text(bytes) + ", and the disk has " +
                    size_text(room.available) + " free",
                "make room on it, or give an --output on another one");
}

}  // namespace strata::app
