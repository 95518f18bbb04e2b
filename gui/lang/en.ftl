# Figures and moments
span-seconds = { $n } s
span-minutes = { $n } min
span-hours = { $n } h
span-hours-minutes = { $h } h { $m } min
span-days = { $n } d
ago = { $span } ago
in = in { $span }
just-now = just now
day-today = today
day-yesterday = yesterday
day-tomorrow = tomorrow
day-this-year = { $weekday } { $day } { $month }
day-other-year = { $day } { $month } { $year }
moment-full = { $day }, { $time }
month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec
weekday-1 = Mon
weekday-2 = Tue
weekday-3 = Wed
weekday-4 = Thu
weekday-5 = Fri
weekday-6 = Sat
weekday-7 = Sun

# The portal
portal-empty = Nobody has written yet.
error-no-store = Nobody is logged in here.

# A conversation
chat-field = Write a message
chat-send = Send
