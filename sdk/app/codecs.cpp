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
      // Behind its key a scheme may carry parameters.
      const auto key = scheme.substr(0, scheme.find(' '));
      const auto& candidate = plugins.registry().by_key("quant", key, "scheme");
      plugins.use(candidate);
      codec = std::make_unique<plugin::Codec>(plugins.table<strata_quant>(candidate),
                                              candidate.manifest.name, plugins.host(), scheme);
    }
    return *codec;
  };
}

}  // namespace strata::app
