-- Each row that decides something has a seal: a document in itself, a setting here.
alter table settings add column seal text;
