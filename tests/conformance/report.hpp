// The report of a conformance program to `strata plugins check`, rule by rule.
#pragma once
#include <string>

// The file descriptor for lines of JSON; below 0 there is none.
int& report_descriptor();

// Reports a rule that is checked before the tests run, and its result.
void report_rule(const std::string& name, bool holds, const std::string& words);

// "error: WORDS" on standard error, and to the report as a failure of `name`; the exit status.
int refuse(const std::string& name, const std::string& words);

// Reports that all rules have run; without this line the plugin ended the program.
void report_end();
