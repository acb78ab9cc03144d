#include "core/text/tokenizer.hpp"
#include "host/commands/commands.hpp"
#include "host/output.hpp"
#include "host/running/open_model.hpp"

namespace strata::host {

void tokenize(const cli::Settings& settings) {
  const auto tokenizer = open_tokenizer(open_checkpoint(settings.model, open_registry(settings)));
  if (settings.decode) {
    const auto text = tokenizer.decode(*settings.decode, settings.skip_special);
    return settings.json ? print_json({{"text", text}}) : print(text + "\n");
  }
  const auto ids = tokenizer.encode(settings.text ? *settings.text : read_text_file(settings.file),
                                    !settings.no_special);
  if (settings.json) return print_json({{"ids", ids}});
  std::string line;
  for (const auto id : ids) line += (line.empty() ? "" : ",") + std::to_string(id);
  print(line + "\n");
}

}  // namespace strata::host
