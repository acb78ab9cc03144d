// A conformance program tells `strata plugins check` this, rule by rule.
#pragma once
#include <string>

// Where lines of JSON go; below 0: nowhere.
int& report_descriptor();

// A rule that is held before the tests run, and how it came out.
void report_rule(const std::string& name, bool holds, const std::string& words);

// "error: WORDS" on standard error, and to the report as a failure of `name`; the exit status.
int refuse(const std::string& name, const std::string& words);

// All has run: without this the plugin ended the program.
void report_end();
