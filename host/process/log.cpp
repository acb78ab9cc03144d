#include "host/process/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <strata/abi/core.h>

#include "core/error.hpp"

namespace strata::host {
namespace {

spdlog::level::level_enum level_of(std::int32_t level) {
  switch (level) {
    case STRATA_DEBUG:
      return spdlog::level::debug;
    case STRATA_INFO:
      return spdlog::level::info;
    case STRATA_WARN:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

}  // namespace

struct Log::Sink {
  spdlog::logger logger{"strata", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

Log::Log(bool verbose) : sink_(std::make_unique<Sink>()) {
  sink_->logger.set_pattern("%n: %l: %v");
  sink_->logger.set_level(verbose ? spdlog::level::debug : spdlog::level::warn);
}

Log::~Log() = default;

void Log::line(std::int32_t level, std::string_view words) const {
  constexpr std::size_t longest = 300 - 20;  // of a line, less the prefix before the words
  const auto text = printable(words, longest);
  sink_->logger.log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace strata::host
