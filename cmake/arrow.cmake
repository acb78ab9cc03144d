# Arrow and Parquet from the Python environment, where the pyarrow package carries headers and libraries. Without
# it everything but .parquet files works.
file(GLOB arrow_folder "${STRATA_VENV}/lib/python3*/site-packages/pyarrow")
set(STRATA_ARROW "${arrow_folder}" CACHE PATH "Folder of the pyarrow package; empty: no Parquet")
file(GLOB arrow_library "${STRATA_ARROW}/libarrow.so.*")
file(GLOB parquet_library "${STRATA_ARROW}/libparquet.so.*")
if(NOT STRATA_ARROW OR NOT arrow_library OR NOT parquet_library)
  message(STATUS "Strata: no Parquet, since there is no pyarrow package under STRATA_VENV")
  return()
endif()

add_library(arrow::arrow SHARED IMPORTED)
set_target_properties(arrow::arrow PROPERTIES IMPORTED_LOCATION "${arrow_library}"
  INTERFACE_INCLUDE_DIRECTORIES "${STRATA_ARROW}/include")
add_library(arrow::parquet SHARED IMPORTED)
set_target_properties(arrow::parquet PROPERTIES IMPORTED_LOCATION "${parquet_library}"
  INTERFACE_LINK_LIBRARIES arrow::arrow)
