#include "app/codecs.hpp"

#include <map>
#include <memory>
#include <string>

#include "core/plugin/codec.hpp"

namespace strata::app {

run::FindCodec codecs_of(Plugins& plugins) {
  const auto codecs = std::make_shared<std::map<std::string, std::unique_ptr<plugin::Codec>>>();
  return [codecs, &plugins](const std::string& scheme) -> const plugin::Codec& {
    auto& codec = (*codecs)[scheme];
    if (!codec) {
      const auto& candidate = plugins.registry().by_key("quant", scheme, "scheme");
      plugins.use(candidate);
      codec = std::make_unique<plugin::Codec>(plugins.table<strata_quant>(candidate),
                                              candidate.manifest.name, plugins.host(), scheme);
    }
    return *codec;
  };
}

}  // namespace strata::app
