#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "made.hpp"

using namespace strata;
using namespace strata::data;
using Catch::Contains;

namespace {

const std::string talk =
    R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]})";

std::string with(const std::string& chat, const std::string& row = talk,
                 EncodeOptions options = plain_options()) {
  return marked(row, options, chat);
}

EncodeOptions ended_by_im_end() {
  auto options = plain_options();
  options.eos = id_of("<|im_end|>");
  return options;
}

}  // namespace

TEST_CASE("what an assistant says is scored with the token that ends it", "[data]") {
  REQUIRE(with(chatml, talk, ended_by_im_end()) ==
          "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n[a<|im_end|>]\n"
          "<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]");
  // An eos token that the template does not put is scored behind the answer.
  REQUIRE_THAT(with(chatml), Catch::EndsWith("[b<|im_end|>]\n[</s>]"));
}

TEST_CASE("a template without a generation prompt or blocks has its headers said", "[data]") {
  REQUIRE(with("{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
               "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}") ==
          "[INST] q [/INST][ a</s>][INST] r [/INST][ b</s>]");
}

TEST_CASE("thoughts that the template puts into its last answer alone are found", "[data]") {
  const std::string thinking =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last and m.role == 'assistant' "
      "%}"
      "<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  REQUIRE(with(thinking, talk, ended_by_im_end()) ==
          "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n[a<|im_end|>]\n"
          "<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\n"
          "[<think>\n\n</think>\n\nb<|im_end|>]");
}

TEST_CASE("an answer that begins like the prompt's open block loses no character", "[data]") {
  const std::string opening =
      "{% for m in messages %}{{ '<|im_start|>' if m.role == 'user' else '<end>' }}{{ m.content }}"
      "{% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<end><think>\n{% endif %}";
  REQUIRE(with(opening,
               R"({"messages": [{"role": "user", "content": "q"},
                   {"role": "assistant", "content": "<thaw"}]})") ==
          "<|im_start|>q<end>[<thaw</s>]");
}

TEST_CASE("an end that the template puts before the next message belongs to the turn", "[data]") {
  const std::string behind =
      "{% for m in messages %}{% if not loop.first %}{{ end }}{% endif %}<{{ m.role }}>{{ "
      "m.content }}"
      "{% endfor %}{% if add_generation_prompt %}{{ end }}<assistant>{% endif %}";
  REQUIRE(with("{% set end = '<|im_end|>' %}" + behind) ==
          "<user>q<|im_end|><assistant>[a<|im_end|>]<user>r<|im_end|><assistant>[b</s>]");
  // No id ends a text with this one, and other text none at all.
  REQUIRE_THROWS_WITH(with("{% set end = '<end>' %}" + behind),
                      Contains("message 1: the chat template ends the turn with no token"));
  REQUIRE_THROWS_WITH(with("{% set end = '\n' %}" + behind),
                      Contains("message 1: the chat template ends the turn with no token"));
}

TEST_CASE("generation blocks count where nothing else tells the turns", "[data]") {
  // Each rendering has the number of its messages in front, so none begins as another.
  const std::string counted =
      "{{ messages | length }}{% for m in messages %}{% if m.role == 'assistant' %}"
      "{% generation %}{{ m.content }}BLOCK{% endgeneration %}"
      "{% else %}<{{ m.content }}>{% endif %}{% endfor %}";
  const auto blocks = [&](const std::string& end, bool inside) {
    auto out = counted;
    out.replace(out.find("BLOCK"), 5, inside ? end : "");
    return inside ? out : out.replace(out.find("{% else"), 0, end);
  };
  REQUIRE(with(blocks("<|im_end|>", true)) == "4<q>[a<|im_end|>]<r>[b<|im_end|></s>]");
  REQUIRE(with(blocks("<|im_end|>", false)) == "4<q>[a<|im_end|>]<r>[b<|im_end|></s>]");
  REQUIRE_THROWS_WITH(with(blocks("", true)), Contains("ends the turn with no token"));
  auto bare = blocks("<|im_end|>", true);
  bare.erase(bare.find("{% generation %}"), 16).erase(bare.find("{% endgeneration %}"), 19);
  REQUIRE_THROWS_WITH(with(bare), Contains("message 1: its characters cannot be told"));
}

TEST_CASE("weights and --loss-on choose among the messages", "[data]") {
  const std::string weighted =
      R"({"messages": [{"role": "user", "content": "q"},
          {"role": "assistant", "content": "a", "weight": 0}, {"role": "user", "content": "r"},
          {"role": "assistant", "content": "b", "weight": 2}]})";
  const std::string chat =
      "{% for m in messages %}{% if m.role == 'user' %}<{{ m.content }}>{% else %}"
      "{{ m.content }}</s>{% endif %}{% endfor %}";
  REQUIRE(with(chat, weighted) == "<q>a</s><r>[2:b</s>]");
  auto options = plain_options();
  options.loss_on = LossOn::all;
  REQUIRE(with(chat, weighted, options) == "<[q>]a</s>[<r>][2:b</s>]");
  REQUIRE(with(chat, talk, options) == "<[q>a</s><r>b</s>]");
  options.loss_on = LossOn::completion;
  REQUIRE(with(chat, talk, options) == "<q>a</s><r>[b</s>]");
  const std::string split =
      R"({"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
          {"role": "user", "content": "r"}],
          "completion": [{"role": "assistant", "content": "b"}]})";
  REQUIRE(with(chat, split) == "<q>a</s><r>[b</s>]");
  options.loss_on = LossOn::assistant;
  REQUIRE(with(chat, split, options) == "<q>[a</s>]<r>[b</s>]");
  // A row that ends with a question has an eos token that no one says.
  REQUIRE(with(chat, R"({"messages": [{"role": "user", "content": "q"}]})") == "<q></s>");
}

TEST_CASE("generation blocks count where the template has no generation prompt", "[data]") {
  REQUIRE(
      with("{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
           "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}"
           "<|im_end|>{% endif %}{% endfor %}",
           talk, ended_by_im_end()) ==
      "<|im_start|>user\nq<|im_end|><|im_start|>assistant\n[a<|im_end|>]"
      "<|im_start|>user\nr<|im_end|><|im_start|>assistant\n[b<|im_end|>]");
}

TEST_CASE("a list of texts is one text where the template takes texts", "[data]") {
  const std::string parts =
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"},
                                                    {"type": "text", "text": "r"}]},
          {"role": "assistant", "content": [{"type": "text", "text": "a"}, "b"]}]})";
  const std::string joined =
      "<|im_start|>user\nqr<|im_end|>\n<|im_start|>assistant\n[ab<|im_end|>]";
  REQUIRE(with(chatml, parts, ended_by_im_end()) == joined);  // it adds texts
  const std::string printing =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content CHANGED }}<|im_end|>\n"
      "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  for (const auto* changed : {"", "| string", "| tojson"}) {
    auto chat = printing;
    chat.replace(chat.find("CHANGED"), 7, changed);
    INFO(changed);
    if (std::string(changed) != "| tojson")
      CHECK(with(chat, parts, ended_by_im_end()) == joined);
    else
      CHECK_THAT(with(chat, parts, ended_by_im_end()), Contains("[\"ab\"<|im_end|>]"));
  }
}

TEST_CASE("a list of texts stays where the template takes lists", "[data]") {
  const std::string listing =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}"
      "{% if part['type'] == 'text' %}({{ part['text'] }}){% endif %}{% endfor %}<|im_end|>\n"
      "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  REQUIRE(with(listing,
               R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]},
                   {"role": "assistant", "content": [{"type": "text", "text": "a"},
                                                     {"type": "text", "text": "b"}]}]})",
               ended_by_im_end()) ==
          "<|im_start|>user\n(q)<|im_end|>\n<|im_start|>assistant\n[(a)(b)<|im_end|>]");
  // A plain text would be lost there.
  REQUIRE_THROWS_WITH(with(listing),
                      Contains("message 0: the chat template does not print its content"));
}

TEST_CASE("parts that are no texts are refused by their type", "[data]") {
  const auto talk_with = [](const std::string& part) {
    return R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}, )" + part +
           R"(]}, {"role": "assistant", "content": "a"}]})";
  };
  REQUIRE_THROWS_WITH(with(chatml, talk_with(R"({"type": "image_url", "image_url": "x.png"})")),
                      Contains("message 0: part 1 is of the type 'image_url'"));
  for (const auto* part : {R"({"type": "thinking", "thinking": "t"})", "3", R"({"text": "t"})",
                           R"({"type": "text", "text": 3})"}) {
    INFO(part);
    CHECK_THROWS_WITH(with(chatml, talk_with(part)),
                      Contains("message 0: part 1 is no text, and the chat template takes texts"));
  }
}

TEST_CASE("tool calls that the template does not print are refused", "[data]") {
  const std::string called =
      R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "",
          "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": {}}}]}]})";
  REQUIRE_THROWS_WITH(with(chatml, called),
                      Contains("message 1: the chat template does not print its tool_calls"));
  REQUIRE(with("{% for m in messages %}<{{ m.content }}{% for c in m.tool_calls %}"
               "{{ c.function.name }}{% endfor %}>{% endfor %}"
               "{% if add_generation_prompt %}<{% endif %}",
               called) == "<q><[add></s>]");
}
