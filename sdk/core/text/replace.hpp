// Normalizers that insert: a text at the beginning, a text for each match of a pattern, and the
// byte-level alphabet for all.
#pragma once
#include "core/text/normalizer.hpp"

namespace strata::text {

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string content) : content_(std::move(content)) {}
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  std::string content_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  Regex pattern_;
  std::string content_;
};

class SpellBytes final : public Normalizer {
 public:
  void apply(NormalText& text, RegexRoom& room) const override;
};

// `text` with `content` for each match.
std::string replaced(std::string_view text, const Regex& pattern, std::string_view content,
                     RegexRoom& room);

}  // namespace strata::text
