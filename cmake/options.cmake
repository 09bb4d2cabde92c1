# qconv_options: warnings, floating-point rules and sanitizers, for every target of this project and
# for none of its users'.
add_library(qconv_options INTERFACE)
target_compile_options(qconv_options INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith
  # GCC 12 raises false alarms in std::string (its bug 105329).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Every ISA rounds each float operation; see Numerics in README.md. Holds where a parent project
  # has -ffast-math, too.
  -fno-fast-math -ffp-contract=off
  $<$<BOOL:${QCONV_WERROR}>:-Werror>)
if(QCONV_SANITIZE)
  target_compile_options(qconv_options INTERFACE
    -fsanitize=${QCONV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(qconv_options INTERFACE -fsanitize=${QCONV_SANITIZE})
endif()
# PRIVATE links of a static library are exported for their link options; the target must exist there.
set_target_properties(qconv_options PROPERTIES EXPORT_NAME options)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Hides everything in a target of the library but what QCONV_API marks. Tests of a shared library
# look inside.
function(qconv_hide_symbols target)
  if(NOT (BUILD_SHARED_LIBS AND QCONV_BUILD_TESTS))
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden
                                               VISIBILITY_INLINES_HIDDEN ON)
  else()
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET default
                                               VISIBILITY_INLINES_HIDDEN OFF)
  endif()
endfunction()
