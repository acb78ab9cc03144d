// The messages of a conversation as rows write them.
#pragma once
#include <string>
#include <vector>

#include "core/json.hpp"

namespace strata::data {

struct Messages {
  OrderedJson list;            // for templates: without weights
  std::vector<float> weights;  // by message
};

// Checks messages: at least one, each an object with a "role"; a "weight" is a number of at least
// 0. Throws Error beginning with `place`, as all here.
Messages messages_of(OrderedJson&& list, const std::string& place);

// Turns ShareGPT's {"from", "value"} into messages, behind a system message that is not empty.
Messages turned_messages(OrderedJson&& list, const std::string& system, const std::string& place);

// The list that stands at `key`, also where it is a text with the list's JSON.
OrderedJson listed(const OrderedJson& value, const char* key, const std::string& place);

// Refuses variables of a template that only the program may give.
void check_variables(const OrderedJson& variables, const std::string& place);

}  // namespace strata::data
