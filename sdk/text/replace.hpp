// Normalizers that insert text: one at the beginning, one for each match of a pattern, and the
// byte-level alphabet for every byte.
#pragma once
#include "text/normalizer.hpp"

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

// `text` with each match replaced by `content`.
std::string replaced(std::string_view text, const Regex& pattern, std::string_view content,
                     RegexRoom& room);

}  // namespace strata::text
