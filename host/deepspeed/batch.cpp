#include "host/deepspeed/batch.hpp"

#include "core/error.hpp"

namespace strata::deepspeed {

Batch batch_of(const DsConfig& config, std::int64_t world, std::optional<std::int64_t> micro,
               std::optional<std::int64_t> accumulation) {
  const auto get = [&](const char* key) {
    const auto* value = config.number(key);
    return value ? value->get<std::int64_t>() : 0;  // 0: open
  };
  Batch out{get("train_batch_size"), micro.value_or(get("train_micro_batch_size_per_gpu")),
            accumulation.value_or(get("gradient_accumulation_steps"))};
  if (out.train == 0 || (out.micro == 0 && out.accumulation == 0))
    out.accumulation = out.accumulation == 0 ? 1 : out.accumulation;
  if (out.train == 0 && out.micro == 0) out.micro = 1;
  if (out.micro == 0) out.micro = out.train / world / out.accumulation;
  if (out.accumulation == 0) out.accumulation = out.train / world / out.micro;
  std::int64_t product = 0;
  const bool fits = !__builtin_mul_overflow(out.micro, out.accumulation, &product) &&
                    !__builtin_mul_overflow(product, world, &product) && product > 0;
  if (out.train == 0) out.train = product;
  if (!fits || product != out.train)
    throw UsageError(config.name(),
                     "train_batch_size " + std::to_string(out.train) +
                         " is not train_micro_batch_size_per_gpu " + std::to_string(out.micro) +
                         " x gradient_accumulation_steps " + std::to_string(out.accumulation) +
                         " x " + std::to_string(world) + " ranks",
                     "leave one of them out, or fix it");
  return out;
}

}  // namespace strata::deepspeed
