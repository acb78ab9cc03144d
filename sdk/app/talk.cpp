#include "app/talk.hpp"

#include <algorithm>

#include "app/conversations.hpp"
#include "app/text_file.hpp"
#include "core/error.hpp"
#include "core/source/output.hpp"
#include "text/stopping_text.hpp"

namespace strata::app {
namespace {

using Json = nlohmann::ordered_json;

Json message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

}  // namespace

void Talk::reset(const std::string& system) {
  system_ = system;
  reset();
}

void Talk::reset() {
  conversation_ = {};
  conversation_.messages = Json::array();
  if (!system_.empty()) conversation_.messages.push_back(message("system", system_));
}

void Talk::load(const std::string& file) {
  auto all = parse_conversations(read_text_file(file), file, [&](const std::string& key) {
    return parts_.format.mentions(key);
  });
  if (all.size() != 1)
    throw Error(file, "it has " + std::to_string(all.size()) + " conversations",
                "give a file with one");
  conversation_ = std::move(all.front());
  const auto& first = conversation_.messages.front();
  const bool told =
      first["role"] == "system" && first.contains("content") && first["content"].is_string();
  system_ = told ? first["content"].get<std::string>() : std::string();
}

void Talk::save(const std::string& file) const {
  if (conversation_.messages.empty())
    throw Error(file, "the conversation has no message yet", "write one first");
  Json out{{"messages", conversation_.messages}};
  if (!conversation_.variables.empty()) out["chat_template_kwargs"] = conversation_.variables;
  if (!conversation_.tools.is_null()) out["tools"] = conversation_.tools;
  if (!conversation_.documents.is_null()) out["documents"] = conversation_.documents;
  source::write_whole(file, out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Answer Talk::ask(const std::string& text, const std::function<void(const std::string&)>& print) {
  const auto before = conversation_;
  conversation_.messages.push_back(message("user", text));
  try {
    return answer(print);
  } catch (const Error&) {
    conversation_ = before;
    throw;
  }
}

Answer Talk::again(const std::function<void(const std::string&)>& print) {
  const auto before = conversation_;
  auto& messages = conversation_.messages;
  if (!messages.empty() && messages.back()["role"] == "assistant")
    messages.erase(messages.size() - 1);
  try {
    if (messages.empty() || messages.back()["role"] != "user")
      throw Error("/regenerate", "there is no message to answer", "write one first");
    return answer(print);
  } catch (const Error&) {
    conversation_ = before;
    throw;
  }
}

std::vector<int32_t> Talk::prompt() const {
  auto whole = conversation_;
  whole.variables.update(parts_.variables);
  // A chat template writes the special tokens itself.
  return parts_.tokenizer.encode(parts_.format.render(whole, local_now()), false);
}

Answer Talk::answer(const std::function<void(const std::string&)>& print) {
  auto request = parts_.request;
  const auto ids = prompt();
  const auto tokens = static_cast<std::int64_t>(ids.size());
  if (tokens == 0) throw Error("chat", "the conversation has no tokens", "write a message");
  if (tokens >= parts_.context)
    throw Error("chat",
                "the conversation has " + std::to_string(tokens) +
                    " tokens, --context has room "
                    "for " +
                    std::to_string(parts_.context),
                "begin anew with /reset, or start with a larger --context");
  request.prompts = {ids};
  request.new_tokens = std::min(request.new_tokens, parts_.context - tokens);
  const auto same = std::ranges::mismatch(held_, ids).in1 - held_.begin();
  request.reused = std::min(static_cast<std::size_t>(same), ids.size() - 1);
  Answer out{.text = {}, .result = {}, .prompt_tokens = ids.size(), .reused = request.reused};
  text::StoppingText stream(parts_.tokenizer, parts_.stops);
  const auto take = [&](const std::string& text) {
    out.text += text;
    print(text);
  };
  std::string fresh;
  request.stops = [&](std::size_t, int32_t id) {
    fresh = stream.add(id);
    return stream.stopped();
  };
  held_.clear();  // the cache's content after a failed pass is unknown
  out.result =
      run::generate(parts_.session, request, [&](std::size_t, int32_t, bool) { take(fresh); });
  take(stream.finish());
  const auto& made = out.result.tokens.front();
  // If no token was made, only a part of the prompt may be in the KV cache. The last token never
  // is.
  if (!made.empty()) {
    held_ = ids;
    held_.insert(held_.end(), made.begin(), made.end() - 1);
  }
  conversation_.messages.push_back(message("assistant", out.text));
  return out;
}

}  // namespace strata::app
