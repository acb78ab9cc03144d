// Normalizers that look at one character at a time.
#pragma once
#include "text/normalizer.hpp"

namespace strata::text {

class Lowercase final : public Normalizer {
 public:
  void apply(NormalText& text, RegexRoom& room) const override;
};

// Removes marks; it removes accents only where the text was decomposed before.
class StripAccents final : public Normalizer {
 public:
  void apply(NormalText& text, RegexRoom& room) const override;
};

// Removes white space at the ends.
class StripSpace final : public Normalizer {
 public:
  StripSpace(bool left, bool right) : left_(left), right_(right) {}
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  bool left_, right_;
};

// Removes control characters and makes white space of all kinds U+0020, as sentencepiece's nmt.
class Nmt final : public Normalizer {
 public:
  void apply(NormalText& text, RegexRoom& room) const override;
};

struct BertOptions {
  bool clean_text = true;            // no control characters, plain spaces
  bool handle_chinese_chars = true;  // a space on both sides of each
  bool strip_accents = true;
  bool lowercase = true;
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(BertOptions options) : options_(options) {}
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  BertOptions options_;
};

}  // namespace strata::text
