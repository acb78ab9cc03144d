// Unicode's normalization forms.
#pragma once
#include <string>
#include <string_view>

#include "text/normalizer.hpp"

namespace strata::text {

enum class Form { nfc, nfd, nfkc, nfkd };

// `text` (valid UTF-8) in a form, by the tables of utf8proc; n log n steps for n bytes.
std::string in_form(std::string_view text, Form form);

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(Form form) : form_(form) {}
  void apply(NormalText& text, RegexRoom& room) const override;

 private:
  Form form_;
};

}  // namespace strata::text
