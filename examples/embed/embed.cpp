// A program of its own that answers a question with a model: embed MODEL QUESTION.
#include <strata/abi/core.h>

#include <cstdio>
#include <exception>
#include <strata/app.hpp>
#include <string>

namespace {

using namespace strata::app;

void answer(const std::string& name, const std::string& question) {
  ModelOptions model;
  model.model = name;
  RunOptions run;
  run.device_memory = 256u << 20;  // what does not fit is streamed

  Generator generator(model, run, {.sequences = 1, .tokens = 512}, {},
                      [](int level, std::string_view line) {
                        if (level < STRATA_WARN) return;
                        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
                      });
  const auto prompt = generator.encode_chat({{"user", question}});
  const auto answers =
      generator.generate({prompt}, {.max_new_tokens = 48}, [](std::size_t, std::string_view text) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
      });
  std::printf("\n%zu tokens, ended by %s\n", answers[0].ids.size(), answers[0].finish.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: embed MODEL QUESTION\n", stderr), 2;
  try {
    answer(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
