# Zahlen und Zeiten
span-seconds = { $n } s
span-minutes = { $n } min
span-hours = { $n } h
span-hours-minutes = { $h } h { $m } min
span-days = { $n } T
ago = vor { $span }
in = in { $span }
just-now = gerade eben
day-today = heute
day-yesterday = gestern
day-tomorrow = morgen
day-this-year = { $weekday } { $day }. { $month }
day-other-year = { $day }. { $month } { $year }
moment-full = { $day }, { $time }
month-1 = Jan.
month-2 = Feb.
month-3 = März
month-4 = Apr.
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = Aug.
month-9 = Sep.
month-10 = Okt.
month-11 = Nov.
month-12 = Dez.
weekday-1 = Mo.
weekday-2 = Di.
weekday-3 = Mi.
weekday-4 = Do.
weekday-5 = Fr.
weekday-6 = Sa.
weekday-7 = So.

# Das Portal
portal-empty = Noch hat niemand geschrieben.
error-no-store = Hier ist niemand angemeldet.

# Ein Gespräch
chat-field = Nachricht schreiben
chat-send = Senden
