# strata_enrol_plugin(kind name): runs the plugin that strata_add_plugin makes through its kind's conformance
# program, as test conformance.<kind>.<name>. tests/conformance creates these tests.
function(strata_enrol_plugin kind name)
  set_property(GLOBAL APPEND PROPERTY STRATA_ENROLLED
    "${kind}|${name}|${CMAKE_CURRENT_SOURCE_DIR}/${name}")
endfunction()
