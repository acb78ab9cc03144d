#include "host/process/stderr_log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <strata/abi/core.h>

#include <memory>
#include <string>

#include "host/process/rank_name.hpp"

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

app::Log stderr_log(bool verbose, std::uint32_t rank) {
  const auto logger =
      std::make_shared<spdlog::logger>("strata", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern((rank > 0 ? rank_name(rank) : "") + "%n: %l: %v");
  logger->set_level(verbose ? spdlog::level::debug : spdlog::level::warn);
  return app::Log([logger](std::int32_t level, std::string_view words) {
    logger->log(level_of(level), spdlog::string_view_t(words.data(), words.size()));
  });
}

}  // namespace strata::host
