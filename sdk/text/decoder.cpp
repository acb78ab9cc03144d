#include "text/decoder.hpp"

#include <optional>
#include <stdexcept>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/replace.hpp"

namespace strata::text {
namespace {

// A step that looks at whole tokens.
class ByToken : public Decoding {
 public:
  void add(std::string_view part, bool last, const Out& out) override {
    token_ += part;
    if (!last) return;
    token(std::move(token_), out);
    token_.clear();
  }

 protected:
  virtual void token(std::string token, const Out& out) = 0;

 private:
  std::string token_;
};

// A step that gives one token for each token.
class Mapped final : public ByToken {
 public:
  using Change = std::function<std::string(std::string token, bool first)>;
  explicit Mapped(Change change) : change_(std::move(change)) {}

 private:
  void token(std::string token, const Out& out) override {
    out(change_(std::move(token), first_), true);
    first_ = false;
  }

  Change change_;
  bool first_ = true;
};

DecoderStep mapped(Mapped::Change change) {
  return [change = std::move(change)] { return std::make_unique<Mapped>(change); };
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  for (auto at = text.find(what); at != text.npos; at = text.find(what)) {
    out.append(text.substr(0, at)).append(with);
    text.remove_prefix(at + what.size());
  }
  return out.append(text);
}

class BytesOfAlphabet final : public ByToken {
 public:
  void finish(const Out& out) override {
    std::string text;
    utf8_.finish(text);
    out(text, true);
  }

 private:
  void token(std::string token, const Out& out) override {
    std::string text;
    utf8_.add(unspell(token).value_or(token), text);
    out(text, false);
  }

  LossyUtf8 utf8_;
};

// The byte that a token as <0x0A> stands for.
std::optional<char> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const auto digit = std::string_view("0123456789ABCDEFabcdef").find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = 16 * value + static_cast<int>(digit < 16 ? digit : digit - 6);
  }
  return static_cast<char>(value);
}

class BytesOfTokens final : public ByToken {
 public:
  void finish(const Out& out) override {
    if (bytes_.empty()) return;
    if (!invalid_utf8(bytes_)) {
      out(bytes_, true);
    } else {
      for (std::size_t i = 0; i < bytes_.size(); ++i) out("\xef\xbf\xbd", true);
    }
    bytes_.clear();
  }

 private:
  void token(std::string token, const Out& out) override {
    if (const auto byte = byte_of(token)) {
      bytes_ += *byte;
      return;
    }
    finish(out);
    out(token, true);
  }

  std::string bytes_;
};

class Fused final : public Decoding {
 public:
  void add(std::string_view part, bool, const Out& out) override { out(part, false); }
  void finish(const Out& out) override { out("", true); }
};

// Where it removes nothing at the end, it need not wait for a token's last part.
class Stripped final : public Decoding {
 public:
  Stripped(std::string content, std::size_t start, std::size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void add(std::string_view part, bool last, const Out& out) override {
    while (beginning_ && taken_ < start_ && part.starts_with(content_)) {
      part.remove_prefix(content_.size());
      ++taken_;
    }
    if (!part.empty()) beginning_ = false;
    held_ += part;
    if (!last && stop_ > 0) return;
    for (std::size_t i = 0; i < stop_ && held_.ends_with(content_); ++i)
      held_.resize(held_.size() - content_.size());
    out(held_, last);
    held_.clear();
    if (last) beginning_ = true, taken_ = 0;
  }

 private:
  std::string content_;
  std::size_t start_, stop_, taken_ = 0;
  std::string held_;
  bool beginning_ = true;
};

class Suffixed final : public ByToken {
 public:
  explicit Suffixed(std::string suffix) : suffix_(std::move(suffix)) {}
  void finish(const Out& out) override { give("", out); }

 private:
  void token(std::string token, const Out& out) override {
    give(" ", out);
    held_ = std::move(token);
  }
  void give(std::string_view with, const Out& out) {
    if (!held_) return;
    out(suffix_.empty() ? *held_ : replaced(*held_, suffix_, with), true);
    held_.reset();
  }

  std::string suffix_;
  std::optional<std::string> held_;
};

}  // namespace

DecoderStep decode_byte_level() {
  return [] { return std::make_unique<BytesOfAlphabet>(); };
}

DecoderStep decode_byte_fallback() {
  return [] { return std::make_unique<BytesOfTokens>(); };
}

DecoderStep decode_fuse() {
  return [] { return std::make_unique<Fused>(); };
}

DecoderStep decode_metaspace(std::string sign, bool prepended) {
  return mapped([=](std::string token, bool first) {
    return replaced(token, sign, first && prepended ? "" : " ");
  });
}

DecoderStep decode_replace(Regex pattern, std::string content) {
  return mapped([=](const std::string& token, bool) {
    RegexRoom room(token.size());
    try {
      return text::replaced(token, pattern, content, room);
    } catch (const std::runtime_error& error) {
      throw Error("decoder", error.what(), "use another tokenizer");
    }
  });
}

DecoderStep decode_strip(std::string content, std::size_t start, std::size_t stop) {
  return [=] { return std::make_unique<Stripped>(content, start, stop); };
}

DecoderStep decode_word_piece(std::string prefix, bool cleanup) {
  return mapped([=](std::string token, bool first) {
    if (!first && token.starts_with(prefix))
      token.erase(0, prefix.size());
    else if (!first)
      token.insert(0, " ");
    static constexpr std::pair<const char*, const char*> tidier[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [what, with] : tidier)
      if (cleanup) token = replaced(token, what, with);
    return token;
  });
}

DecoderStep decode_suffix(std::string suffix) {
  return [=] { return std::make_unique<Suffixed>(suffix); };
}

DecoderStep decode_join() {
  return mapped([](std::string token, bool first) {
    return first ? std::move(token) : " " + std::move(token);
  });
}

}  // namespace strata::text
